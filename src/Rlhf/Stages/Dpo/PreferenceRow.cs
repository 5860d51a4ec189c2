using Rlhf.Objectives;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>A prompt with its answers and what is preferred, as a batch takes it.</summary>
/// <param name="PromptText">The prompt's text.</param>
/// <param name="Answers">[K] the prompt with each answer.</param>
/// <param name="Weight">The row's weight in the loss.</param>
public sealed record PreferenceRow(string PromptText, EncodedSequence[] Answers, double Weight)
{
    /// <summary>Preferences, as indices into <see cref="Answers"/>; their weights are the row's, shared among them.</summary>
    public IReadOnlyList<PreferencePair> Pairs { get; init; } = [];

    /// <summary>[K] place of each answer in the order, 0 = best, for Plackett-Luce; empty otherwise.</summary>
    public IReadOnlyList<int> Tiers { get; init; } = [];

    /// <summary>[K] whether each answer is a good one, for KTO; empty otherwise.</summary>
    public IReadOnlyList<bool> Desirable { get; init; } = [];

    /// <summary>[K] the prompt with answers to another one, for KTO's reference point; empty otherwise.</summary>
    public IReadOnlyList<EncodedSequence> Mismatched { get; init; } = [];

    /// <summary>log p of the answers' tokens under the reference, one answer after another; empty for losses without a reference.</summary>
    public ReadOnlyMemory<float> Reference { get; init; }

    /// <summary>The same of <see cref="Mismatched"/>.</summary>
    public ReadOnlyMemory<float> MismatchedReference { get; init; }

    /// <summary>log p of the answers' tokens under the model that the stage starts from, of held-out rows.</summary>
    public ReadOnlyMemory<float> Start { get; init; }

    /// <summary>A ranking as a row; null where it prefers nothing.</summary>
    public static PreferenceRow? Of(EncodedRanking ranking, DpoOptions options)
    {
        var row = new PreferenceRow(ranking.PromptText, ranking.Answers, ranking.Weight);
        return options.Loss == PreferenceObjective.Kto ? Split(row, ranking)
            : ranking.Pairs.Count == 0 ? null
            : options.Rankings == RankingForm.PlackettLuce ? Ordered(row, ranking)
            : row with { Pairs = PairsOf(ranking, options) };
    }

    /// <summary>Answers by how many others each beat.</summary>
    private static int[] WinsOf(EncodedRanking ranking)
    {
        var wins = new int[ranking.Answers.Length];
        foreach (var (better, _) in ranking.Pairs)
        {
            wins[better]++;
        }

        return wins;
    }

    private static PreferencePair[] PairsOf(EncodedRanking ranking, DpoOptions options)
    {
        var (wins, weight, takes) = (WinsOf(ranking), ranking.Weight / ranking.Pairs.Count, DpoValidation.TakesMargin(options));
        return [.. ranking.Pairs.Select((pair, i) => new PreferencePair(pair.Better, pair.Worse, weight,
            !takes ? 0 : ranking.Margins is { } own ? own[i] : options.Margin * Math.Max(1, wins[pair.Better] - wins[pair.Worse])))];
    }

    /// <summary>The order of the answers, where the pairs are one: each answer above all of those below it.</summary>
    private static PreferenceRow? Ordered(PreferenceRow row, EncodedRanking ranking)
    {
        var wins = WinsOf(ranking);
        int[] levels = [.. wins.Distinct().OrderDescending()];
        int[] tiers = [.. wins.Select(count => Array.IndexOf(levels, count))];
        var above = tiers.Sum(tier => tiers.Count(other => other > tier));
        var isOrder = above == ranking.Pairs.Distinct().Count() && ranking.Pairs.All(pair => tiers[pair.Better] < tiers[pair.Worse]);
        return isOrder ? row with { Tiers = tiers } : null;
    }

    /// <summary>The answers that win more often than they lose are good, those that lose more often bad; others say nothing.</summary>
    private static PreferenceRow? Split(PreferenceRow row, EncodedRanking ranking)
    {
        var balance = WinsOf(ranking);
        foreach (var (_, worse) in ranking.Pairs)
        {
            balance[worse]--;
        }

        int[] decided = [.. Enumerable.Range(0, balance.Length).Where(i => balance[i] != 0)];
        return decided.Length == 0
            ? null
            : row with { Answers = [.. decided.Select(i => row.Answers[i])], Desirable = [.. decided.Select(i => balance[i] > 0)] };
    }
}
