using Rlhf.Data;
using Rlhf.Generation;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Quickstart;
using Rlhf.Reporting;
using Rlhf.Tokenization;

namespace Rlhf.Runs.Stages;

/// <summary>K answers of the present policy to each prompt, ranked. An interrupted stage begins anew and gives the same answers.</summary>
internal static class CollectStage
{
    private const int PromptsAtOnce = 64;
    private const int RowBudget = 4096;
    private const int DefaultResamples = 3;

    public static StageSummary Run(StageContext context)
    {
        var options = context.Recipe.Collect!;
        var place = context.Models.Policy;
        var tokenizer = StageTools.TokenizerOf(place);
        using var policy = ModelFolder.Load(context.Device, place.Folder, HeadKind.Language).Decoder;
        using var labeler = LoadLabeler(context, options);
        var limits = options.Limits.ForPrompts(policy.Config.ContextLength, options.MaxNewTokens);
        var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Prompts), limits, context.Ledger);
        var prompts = StageTools.EncodePrompts(encoder, context.Data.Prompts().Train.Take(options.MaxPrompts ?? int.MaxValue));
        var settings = StageTools.Sampling(options.Sampling, options.MaxNewTokens, tokenizer, context.SeedOf(options.Seed), RowBudget);

        var collected = new List<CollectedAnswers>();
        var tokens = 0L;
        using (var generator = new Generator(policy))
        using (var progress = context.Progress.Start(context.Step.Name, prompts.Count, "prompts"))
        {
            for (var first = 0; first < prompts.Count; first += PromptsAtOnce)
            {
                var part = prompts.GetRange(first, Math.Min(PromptsAtOnce, prompts.Count - first));
                var answers = part.ConvertAll(_ => new List<(string Text, Completion Completion)>());
                for (var attempt = 0; attempt <= (options.Resamples ?? (options.Labeler is null ? DefaultResamples : 0)); attempt++)
                {
                    int[] lacking = [.. Enumerable.Range(0, part.Count).Where(i => answers[i].Count < options.AnswersPerPrompt)];
                    if (lacking.Length == 0)
                    {
                        break;
                    }

                    int[][] inputs = [.. lacking.SelectMany(i => Enumerable.Repeat(part[i].Encoded.Tokens, options.AnswersPerPrompt))];
                    // Every attempt draws from rows of its own, whoever else lacks answers.
                    var row = (uint)((attempt * prompts.Count + first) * options.AnswersPerPrompt);
                    var completions = generator.Generate(inputs, settings with { FirstRow = row }, cancellation: context.Cancellation);
                    tokens += completions.Sum(answer => (long)answer.Response.Length);
                    foreach (var (at, i) in lacking.Index())
                    {
                        var sampled = completions.AsSpan(at * options.AnswersPerPrompt, options.AnswersPerPrompt).ToArray().Select(answer => (tokenizer.Decode(answer.Response), answer));
                        answers[i] = [.. Different(answers[i].Concat(sampled)).Take(options.AnswersPerPrompt)];
                    }
                }

                for (var i = 0; i < part.Count; i++)
                {
                    var different = answers[i];
                    if (different.Count < 2)
                    {
                        context.Ledger.Drop(part[i].Record.Position, "fewer than two different answers");
                        continue;
                    }

                    var ranking = labeler?.Rank(part[i].Record, different);
                    collected.Add(new CollectedAnswers(
                        part[i].Record, part[i].Encoded, [.. different.Select(answer => answer.Text)], [.. different.Select(answer => answer.Completion.Response)], ranking?.Tiers, ranking?.Labeler));
                }

                progress.Advance(part.Count);
            }
        }

        var link = StageTools.LinkTo(place, "policy");
        RankingFile.Write(Path.Combine(context.Folder, "rankings.jsonl"), collected, new AnswerOrigin(context.Step.Round, link.Hash, options.MaxNewTokens, options.Sampling));
        return Summary(context, link, prompts.Count, tokens, collected);
    }

    private static StageSummary Summary(StageContext context, ModelLink policy, int prompts, long tokens, List<CollectedAnswers> collected)
    {
        var options = context.Recipe.Collect!;
        var figures = new Dictionary<string, Figure>
        {
            [FigureNames.Prompts] = new(prompts),
            [FigureNames.Answers] = new(collected.Sum(row => row.Texts.Count)),
            ["sampled_tokens"] = new(tokens),
        };
        if (options.Labeler is not null)
        {
            figures["pairs"] = new Figure(collected.Sum(row => Tiers.Pairs(row.Tiers!).Count));
            figures["ties"] = new Figure(collected.Sum(row => Tiers.Ties(row.Tiers!).Count));
        }

        var inputs = new List<ModelLink> { policy };
        if (options.Labeler is not null)
        {
            inputs.Add(options.Labeler == CollectOptions.GoldLabeler
                ? new ModelLink("labeler", CollectOptions.GoldLabeler)
                : StageTools.LinkTo(new ModelPlace(options.Labeler, options.Labeler), "labeler"));
        }

        return StageTools.SummaryOf(context, 0, figures) with { Inputs = inputs };
    }

    private static IEnumerable<(string Text, Completion Completion)> Different(IEnumerable<(string Text, Completion Completion)> answers) =>
        answers.Where(answer => !string.IsNullOrWhiteSpace(answer.Text)).DistinctBy(answer => answer.Text, StringComparer.Ordinal);

    private static AnswerLabeler? LoadLabeler(StageContext context, CollectOptions options) => options.Labeler switch
    {
        null => null,
        CollectOptions.GoldLabeler => new AnswerLabeler(new GoldRule(), null),
        var folder => new AnswerLabeler(null, ModelFolder.Load(context.Device, folder, HeadKind.Scalar).Decoder),
    };

    /// <summary>The gold rule, which reads text, or a reward model, which reads tokens.</summary>
    private sealed class AnswerLabeler(ILabeler? rule, Decoder? reward) : IDisposable
    {
        private readonly Scorer? scorer = reward is null ? null : new Scorer(reward, RowBudget);

        public Ranking Rank(PromptRecord prompt, List<(string Text, Completion Completion)> answers)
        {
            var judge = rule ?? new Judged(scorer!.Rewards([.. answers.Select(answer => answer.Completion.Tokens)], [.. answers.Select(answer => answer.Completion.Prompt.Length)]));
            return judge.Label(prompt, [.. answers.Select(answer => answer.Text)]);
        }

        public void Dispose()
        {
            scorer?.Dispose();
            reward?.Dispose();
        }
    }

    private sealed class Judged(float[] scores) : ILabeler
    {
        public string Name => "reward model";

        public IReadOnlyList<double> Scores(Prompt prompt, IReadOnlyList<string> responses) => [.. scores.Select(score => (double)score)];
    }
}
