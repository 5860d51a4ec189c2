using System.CommandLine;
using Rlhf.Compute.Operations;
using Rlhf.Evaluation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf eval policy</c>: what a policy's answers score, how far it went from its reference, and how often it beats another one.</summary>
internal static class EvalPolicyCommand
{
    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The policy's model folder.", required: true);
    private static readonly Option<string?> Adapter = ModelArguments.Adapter();
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string?> Versus = ModelArguments.Folder("--versus", "Another policy, that answers the same prompts.");
    private static readonly Option<string?> RewardModel = ModelArguments.Folder("--reward-model", "The reward model that scores the answers.", required: true);
    private static readonly Option<string?> SecondRewardModel =
        ModelArguments.Folder("--second-reward-model", "A second reward model, that the policy was not trained on.");
    private static readonly Option<string?> Reference = ModelArguments.Folder("--reference", "The model to which KL is measured, for PPO the SFT model.");
    private static readonly Option<string> Prompts = new("--prompts")
    {
        Description = "The prompts: JSON rows with prompt, instruction, messages or comparisons, or a .txt file with one a line; - for standard input.",
        HelpName = "FILE",
        Required = true,
    };

    private static readonly Option<double> HeldOut = ModelArguments.HeldOut();
    private static readonly Option<int?> Limit = ModelArguments.OptionalNumber("--limit", 2, "Takes at most this many of the prompts. Default: all.");
    private static readonly Option<int> Samples = ModelArguments.SampleCount("--samples", "Answers to each prompt.");
    private static readonly Option<int> MaxTokens = ModelArguments.Number("--max-tokens", 128, 1, "Cuts an answer after this many tokens.");
    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();
    private static readonly Option<bool> Shift = ModelArguments.ScoreShift();
    private static readonly Option<bool> Json = ModelArguments.Json("The figures as one JSON object.");
    private static readonly Option<bool> Quiet = ModelArguments.Quiet();

    public static Command Create()
    {
        var (sampling, format) = (new SamplingArguments(), new FormatArguments());
        var command =
            new Command(
                "policy", "Samples a policy's answers and shows their score, KL to the reference, length, end-of-sequence share, entropy and variety; with --versus, how often they win.")
        {
            Model, Adapter, Storage, Versus, RewardModel, SecondRewardModel, Reference, Prompts, HeldOut, Limit, Samples, MaxTokens,
        };
        sampling.AddTo(command);
        format.AddTo(command);
        foreach (var option in (Option[])[Fields, Ignore, Shift, Json, Quiet])
        {
            command.Add(option);
        }

        return command
            .WithExamples(
                "rlhf eval policy --model ppo --versus sft --reference sft --reward-model reward --prompts comparisons.jsonl --held-out 0.1 --samples 4",
                "rlhf eval policy --model ppo --reward-model reward --second-reward-model other-reward --prompts prompts.txt --json")
            .Does((parsed, cancellation) => Run(parsed, sampling, format, cancellation));
    }

    private static void Run(ParseResult parsed, SamplingArguments arguments, FormatArguments format, CancellationToken cancellation)
    {
        var settingsOfSampling = arguments.Of(parsed);
        var folder = parsed.GetValue(Model)!;
        var model = ModelArguments.Open(parsed, Model, Adapter);
        var tokenizer = model.Tokenizer;
        using var models = new LoadedModels(parsed.GetValue(Storage), parsed.Error());
        var policy = models.Language(model);
        var other = Find(parsed, Versus, name => models.Language(Checkpoint.Open(name), model));
        var judges = new PolicyJudges
        {
            Reference = Find(parsed, Reference, name => models.Language(Checkpoint.Open(name), model)),
            Reward = models.Reward(Checkpoint.Open(parsed.GetValue(RewardModel)!), model, parsed.GetValue(Shift)),
            Second = Find(parsed, SecondRewardModel, name => models.Reward(Checkpoint.Open(name), model, parsed.GetValue(Shift))),
        };
        var form = format.Of(parsed, model);
        var settings = new GenerationSettings
        {
            Sampling = settingsOfSampling,
            MaxNewTokens = parsed.GetValue(MaxTokens),
            EndIds = EndOfTurn.Of(form, tokenizer),
            Seed = arguments.SeedOf(parsed),
        };
        var context = new[] { policy, other, judges.Reference, judges.Reward, judges.Second }.OfType<Decoder>().Min(decoder => decoder.Config.ContextLength);
        var source = ModelArguments.SourceOf(parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!) with { Format = form };
        var records = PromptFile.ForEvaluation(
            PromptFile.Read(parsed.GetValue(Prompts)!, source), parsed.GetValue(HeldOut), parsed.GetValue(Limit), parsed.Error());
        var prompts = PromptFile.Encode(records, tokenizer, form);
        PromptFile.RequireRoom(records, prompts, context, settings.MaxNewTokens, policy.Config.VocabularySize);
        var samples = parsed.GetValue(Samples);
        using var arena = new Arena(policy.Device);
        var evaluator = new PolicyEvaluator(prompts, samples, settings, tokenizer, judges, ModelArguments.RowBudget, arena);
        var first = Evaluate(parsed, "answers of the model", evaluator, policy, prompts.Count * samples, settings, cancellation);
        var second = other is null ? null : Evaluate(parsed, "answers of the other one", evaluator, other, prompts.Count * samples, settings, cancellation);
        var report = PolicyComparison.Of(folder, first, parsed.GetValue(Versus), second, prompts.Count, samples, settings.Seed, judges.Reference is not null);
        if (parsed.GetValue(Json))
        {
            ModelArguments.WriteDocument(parsed.Output(), report);
        }
        else
        {
            report.Write(parsed.Output());
        }
    }

    private static Decoder? Find(ParseResult parsed, Option<string?> option, Func<string, Decoder> load) =>
        parsed.GetValue(option) is { } folder ? load(folder) : null;

    private static PolicyEvaluation Evaluate(
        ParseResult parsed, string name, PolicyEvaluator evaluator, Decoder policy, int answers, GenerationSettings settings, CancellationToken cancellation)
    {
        using var progress = ModelArguments.Progress(parsed, parsed.GetValue(Quiet)).Start(name, answers, "answers");
        var counter = new AnswerCounter(answers, settings, progress);
        return evaluator.Evaluate(policy, counter.Count, cancellation);
    }
}
