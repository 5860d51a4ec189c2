using System.Globalization;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Collect;

/// <summary>K answers of the present policy to each prompt, ranked. An interrupted stage begins anew and gives the same answers; what people said is not
/// lost.</summary>
internal sealed class CollectStage : Stage<CollectOptions>
{
    public override string Name => "collect";

    public override string Summary => "Between the steps: sampled answers to `data.prompts`, ranked.";

    public override StageProduct Makes => StageProduct.Rankings;

    public override uint SeedNumber => 2;

    public override StageReport Report { get; } = new CollectReport();

    protected override CollectOptions WithFullPaths(CollectOptions options, Func<string, string> full) => options with
    {
        Labeler = options.LabelerIsFolder ? full(options.Labeler!) : options.Labeler,
        Store = PeopleStore.Full(options.Store, full),
    };

    public override IReadOnlyList<StageInput> Reads(Recipe recipe) =>
        [.. Prompts(Name),
            .. OptionsOf(recipe) is { LabelerIsFolder: true } options
                ? [new StageInput("collect.labeler", Name, options.Labeler, Scores: true)]
                : Array.Empty<StageInput>(),
        ];

    public override void Prepare(Recipe recipe) => _ = OptionsOf(recipe).Judge?.ReadApiKey("collect.judge");

    public override StageSummary Run(StageContext context)
    {
        var options = OptionsOf(context.Recipe);
        var place = context.Models.Policy;
        if (options.LabelerIsFolder)
        {
            Checkpoint.Open(options.Labeler!).Check();
        }

        var (prompts, sampled) = Sample(context, options, place);
        var answers = AnswerSampler.Join(prompts, sampled, context.Ledger);
        var link = StageTools.LinkTo(place, "policy");
        var origin = new AnswerOrigin(context.Step.Round, link.Hash, options.MaxNewTokens, options.Sampling);
        var file = Path.Combine(context.Folder, RankingFile.Name);
        var figures = new FigureTable
        {
            [CollectMetrics.Prompts] = new(prompts.Count),
            [CollectMetrics.Answers] = new(answers.Sum(row => row.Texts.Count)),
            [CollectMetrics.SampledTokens] = new(sampled.Tokens),
        };
        var summary = StageTools.SummaryOf(context, 0, figures) with { Inputs = [link] };
        if (options.Labeler is not { } name)
        {
            RankingFile.Write(file, answers, origin);
            return summary;
        }

        // A store may serve several runs; people rank a prompt once in a round.
        var round = $"{Path.GetFileName(context.Run.FullPath)}/{context.Step.Round.ToString(CultureInfo.InvariantCulture)}";
        using var labeler = LabelerOf(options, context);
        var judging = labeler.Rank(answers, new RankingJob(file, origin, context.Step.Name, round, context.Progress, context.Cancellation));
        var rankings = RankingFile.Read(file).ToArray();
        figures[CollectMetrics.Rankings] = new Figure(rankings.Length);
        figures[CollectMetrics.Pairs] = new Figure(rankings.Sum(row => row.Pairs.Count));
        figures[CollectMetrics.Ties] = new Figure(rankings.Sum(row => row.Ties.Count));
        foreach (var (key, figure) in judging)
        {
            figures[key] = figure;
        }

        return summary with
        {
            Inputs = [link, LinkTo(options, name)],
            Labelers = [.. rankings.CountBy(row => row.Labeler ?? name).OrderBy(count => count.Key, StringComparer.Ordinal)
                .Select(count => new LabelerCount(count.Key, count.Value))],
        };
    }

    public override StagePlan Plan(StagePlanning planning)
    {
        var options = OptionsOf(planning.Recipe);
        var collected = PromptsOf(planning, options);
        var (prompts, promptTokens) = (collected.Count, StagePlanning.MeanLength(collected));
        var answers = (long)prompts * options.AnswersPerPrompt;
        var answerTokens = planning.AnswerTokens(options.MaxNewTokens);
        var length = promptTokens + answerTokens;
        var tokens = prompts * (promptTokens + (options.AnswersPerPrompt * answerTokens)); // a prompt goes through the model once
        var judged = options.LabelerIsFolder ? answers * length * planning.Costs.ForwardOperations(length) : 0;
        return new StagePlan(
            answers, "answers", tokens, 0, BytesOf(planning, options, collected), judged, planning.LanguageOperations(tokens, answers * answerTokens, length));
    }

    /// <summary>Prompts to which answers are collected.</summary>
    internal static StoredRows<EncodedPrompt> PromptsOf(StagePlanning planning, CollectOptions options) =>
        planning.Prompts(options.Limits, options.MaxNewTokens).Train.First(options.MaxPrompts ?? int.MaxValue);

    private static long BytesOf(StagePlanning planning, CollectOptions options, StoredRows<EncodedPrompt> prompts)
    {
        using var device = planning.Count();
        using var models = new PlannedModels(planning, device, adapter: null);
        using var policy = models.Frozen(HeadKind.Language);
        var loading = device.PeakBytes; // the flat weights beside what is packed from them
        using var arena = new Arena(device);
        using var generator = new Generator(policy, arena);
        int[][] asked = [.. prompts.Take(AnswerSampler.PromptsAtOnce).SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, options.AnswersPerPrompt))];
        StagePlanning.Sample(generator, asked, options.MaxNewTokens, AnswerSampler.RowBudget);
        return Math.Max(loading, device.HeldBytes - arena.UntouchedBytes + planning.HostLogits);
    }

    private ILabeler LabelerOf(CollectOptions options, StageContext context) => options.Labeler switch
    {
        CollectOptions.GoldLabeler => ScoreLabeler.Gold(),
        CollectOptions.JudgeLabeler => new JudgeLabeler(options.Judge!, Path.Combine(context.Folder, "judgements.jsonl")),
        CollectOptions.PeopleLabeler => new PeopleLabeler(new PeopleSettings(
            options.Store ?? Path.Combine(context.Run.FullPath, "rankings.db"), options.RankingsPerPrompt, options.Enough, options.Wait, Name)),
        var folder => ScoreLabeler.RewardModel(context.LoadFrozen(folder!, HeadKind.Scalar), AnswerSampler.RowBudget),
    };

    private static ModelLink LinkTo(CollectOptions options, string labeler) => labeler switch
    {
        CollectOptions.JudgeLabeler => new ModelLink("labeler", JudgeLabeler.NameOf(options.Judge!)),
        _ when options.LabelerIsFolder => StageTools.LinkTo(new ModelPlace(labeler, labeler), "labeler"),
        _ => new ModelLink("labeler", labeler),
    };

    private static (IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> Prompts, Sampled Sampled) Sample(
        StageContext context, CollectOptions options, ModelPlace place)
    {
        var model = place.Open();
        var tokenizer = model.Tokenizer;
        var reader = context.Reader(tokenizer, model.Config.ContextLength);
        var encoder = reader.PromptEncoder(options.Limits, options.MaxNewTokens);
        var prompts = StageReader.Encode(encoder, reader.Data.FirstPrompts(heldOut: false, options.MaxPrompts ?? int.MaxValue));
        Sampled Draw()
        {
            using var policy = context.LoadFrozen(place.Folder, HeadKind.Language);
            context.WriteLedger();
            using var progress = context.Progress.Start(context.Step.Name, prompts.Count, "prompts");
            return AnswerSampler.Sample(policy, tokenizer, encoder.EndIds, [.. prompts.Select(prompt => prompt.Encoded)], options,
                context.SeedOf(options.Seed), progress, context.Cancellation);
        }

        // Ranking by people takes longer than a process may live.
        return (prompts, options.Labeler == CollectOptions.PeopleLabeler ? StageTools.Once(context, "sampled", Draw) : Draw());
    }
}
