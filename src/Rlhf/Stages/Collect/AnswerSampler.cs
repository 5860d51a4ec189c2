using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Collect;

/// <summary>The different answers to one prompt, K at most.</summary>
/// <param name="Texts">The answers as people read them.</param>
/// <param name="Tokens">Their tokens; a cut answer has no end-of-sequence token.</param>
public sealed record SampledAnswers(IReadOnlyList<string> Texts, IReadOnlyList<int[]> Tokens);

/// <summary>What was sampled.</summary>
/// <param name="Answers">One entry for each prompt.</param>
/// <param name="Tokens">All tokens that were drawn, those of repeated answers included.</param>
public sealed record Sampled(IReadOnlyList<SampledAnswers> Answers, long Tokens);

/// <summary>Samples K answers to each prompt. Answers that repeat are left out, and sampled again where people are to rank.</summary>
public static class AnswerSampler
{
    /// <summary>Tokens that go through the policy at once.</summary>
    public const int RowBudget = 4096;

    public const int PromptsAtOnce = 64;

    /// <summary>Samples; the same settings, prompts and model give the same answers.</summary>
    public static Sampled Sample(
        Decoder policy, Tokenizer tokenizer, IReadOnlyList<int> endIds, IReadOnlyList<EncodedPrompt> prompts, CollectOptions options, ulong seed,
        ProgressTask progress, CancellationToken cancellation)
    {
        var settings = StageTools.Sampling(options.Sampling, options.MaxNewTokens, endIds, seed, RowBudget);
        using var generator = new Generator(policy);
        var sampled = new List<SampledAnswers>();
        var tokens = 0L;
        for (var first = 0; first < prompts.Count; first += PromptsAtOnce)
        {
            EncodedPrompt[] part = [.. prompts.Skip(first).Take(PromptsAtOnce)];
            var answers = Array.ConvertAll(part, _ => new List<(string Text, int[] Tokens)>());
            for (var attempt = 0; attempt <= options.ResamplesOrDefault; attempt++)
            {
                int[] lacking = [.. Enumerable.Range(0, part.Length).Where(i => answers[i].Count < options.AnswersPerPrompt)];
                if (lacking.Length == 0)
                {
                    break;
                }

                int[][] inputs = [.. lacking.SelectMany(i => Enumerable.Repeat(part[i].Tokens, options.AnswersPerPrompt))];
                // Every attempt draws from rows of its own, whoever else lacks answers.
                var row = (uint)((attempt * prompts.Count + first) * options.AnswersPerPrompt);
                var completions = generator.Generate(inputs, settings with { FirstRow = row }, cancellation: cancellation);
                tokens += completions.Sum(answer => (long)answer.Response.Length);
                foreach (var (at, i) in lacking.Index())
                {
                    var drawn = completions.AsSpan(at * options.AnswersPerPrompt, options.AnswersPerPrompt).ToArray()
                        .Select(answer => (tokenizer.Decode(answer.ResponseWithoutEnd), answer.Response));
                    answers[i] = [.. Different(answers[i].Concat(drawn)).Take(options.AnswersPerPrompt)];
                }
            }

            sampled.AddRange(
                answers.Select(different => new SampledAnswers([.. different.Select(answer => answer.Text)], [.. different.Select(answer => answer.Tokens)])));
            progress.Advance(part.Length);
        }

        return new Sampled(sampled, tokens);
    }

    /// <summary>Prompts with their answers; a prompt with fewer than two goes to the ledger.</summary>
    public static List<CollectedAnswers> Join(IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> prompts, Sampled sampled, Ledger ledger)
    {
        var collected = new List<CollectedAnswers>();
        foreach (var ((record, encoded), answers) in prompts.Zip(sampled.Answers))
        {
            if (answers.Texts.Count < 2)
            {
                ledger.Drop(record.Position, "fewer than two different answers");
                continue;
            }

            collected.Add(new CollectedAnswers(record, encoded, answers.Texts, answers.Tokens, Tiers: null, Labeler: null));
        }

        return collected;
    }

    private static IEnumerable<(string Text, int[] Tokens)> Different(IEnumerable<(string Text, int[] Tokens)> answers) =>
        answers.Where(answer => !string.IsNullOrWhiteSpace(answer.Text)).DistinctBy(answer => answer.Text, StringComparer.Ordinal);
}
