using System.Globalization;
using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Reward;

/// <summary>The rankings that a reward model is trained and judged on.</summary>
/// <param name="Train">Rankings trained on.</param>
/// <param name="HeldOut">Rankings held out.</param>
/// <param name="LeftOut">Rankings of held-out labelers on training prompts, which nobody reads.</param>
/// <param name="Demonstrations">Demonstrations that score 0 on average; empty where nothing is centred.</param>
/// <param name="Sources">Where the rankings are from.</param>
internal sealed record RewardRows(
    StoredRows<EncodedRanking> Train, StoredRows<EncodedRanking> HeldOut, int LeftOut, IReadOnlyList<int[]> Demonstrations,
    IReadOnlyList<RankingSource> Sources)
{
    private const string SecondSalt = "second reward model";
    private const int CenteringDemonstrations = 1024;

    /// <summary>The rankings of the data and of all collect stages so far.</summary>
    public static RewardRows Read(StageContext context, StageReader reader, RewardOptions options)
    {
        var rankings = RankedRows.Read(context, reader, options);
        if (rankings.Train.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no ranking is left to train on:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        return new RewardRows(
            rankings.Train, rankings.HeldOut, rankings.LeftOut, options.NormalizeOn == NormalizeOn.Demonstrations ? DemonstrationsOf(reader, options) : [],
            rankings.Sources);
    }

    /// <summary>Whether a ranking has a pair that the loss counts.</summary>
    private static bool HasPair(EncodedRanking ranking, RewardOptions options) =>
        ranking.Pairs.Count > 0 || (options.Ties == TieRule.Half && ranking.Ties.Count > 0);

    /// <summary>Everybody whose rankings are trained on; null where some do not say whose they are.</summary>
    public IReadOnlySet<string>? TrainedLabelers()
    {
        var labelers = new HashSet<string>(StringComparer.Ordinal);
        foreach (var ranking in Train)
        {
            if (ranking.Labeler is not { } labeler)
            {
                return null;
            }

            labelers.Add(labeler);
        }

        return labelers;
    }

    /// <summary>What the first model is trained on.</summary>
    public RewardRows OfFirst(RewardOptions options) =>
        options.SecondModel is { Disjoint: true } second ? this with { Train = Train.Keeping(ranking => IsDropped(ranking, second)) } : this;

    /// <summary>What the second model is trained on.</summary>
    public RewardRows OfSecond(SecondModelOptions second) => this with { Train = Train.Keeping(ranking => !IsDropped(ranking, second)) };

    /// <summary>By the key that splits hash, so that with split_by whole groups are dropped.</summary>
    internal static bool IsDropped(EncodedRanking ranking, SecondModelOptions second) => second.DropValues.Count > 0
        ? HeldOutRule.Of(second.DropValues).Holds(ranking.SplitKey)
        : PromptSplit.IsHeldOut(ranking.SplitKey, second.DropFraction, SecondSalt);

    /// <summary>Before anything is trained: rankings of ties alone would leave the model as it was.</summary>
    public void CheckPairs(StageContext context, RewardOptions options)
    {
        if (!Train.Any(ranking => HasPair(ranking, options)))
        {
            var files = context.Models.Rankings.ToDictionary(collected => collected.Stage.Name, collected => Path.Combine(collected.Folder, RankingFile.Name));
            var sources = Sources.Where(source => source.Training > 0).Select(source => string.Create(
                CultureInfo.InvariantCulture,
                $"{source.Training} of {source.Source} ({files.GetValueOrDefault(source.Source) ?? string.Join(", ", context.Recipe.Data.Comparisons?.Path ?? [])})"));
            throw new InputException(
                $"{context.Step.Name}: no ranking prefers one answer to another, all {Train.Count} to train on hold only ties: {string.Join(", ", sources)}. "
                + "Rank answers apart, or set reward.ties=half, which trains tied answers towards the same reward.");
        }

        if (options.SecondModel is { } second)
        {
            CheckSecond(context.Step.Name, options, second);
        }

        if (HeldOut.Count == 0)
        {
            context.Progress.Line(
                $"{context.Step.Name}: no ranking is held out: no validation loss, no accuracy on new prompts and no trust report; data.comparisons.held_out or reward.collected_held_out gives some");
        }
        else if (!HeldOut.Any(ranking => HasPair(ranking, options)))
        {
            context.Progress.Line($"{context.Step.Name}: the {HeldOut.Count} held-out rankings hold only ties: no validation loss and no trust report");
        }
    }

    private void CheckSecond(string stage, RewardOptions options, SecondModelOptions second)
    {
        foreach (var name in second.DropValues.Where(name => !Train.Any(ranking => HeldOutRule.Fits(name, ranking.SplitKey))))
        {
            throw new InputException(
                $"{stage}: reward.second_model.drop_values: no ranking to train on has \"{name}\" in the field that data.comparisons.split_by names.");
        }

        var share = second.DropValues.Count > 0
            ? $"drop_values {string.Join(", ", second.DropValues)}"
            : FormattableString.Invariant($"drop_fraction {second.DropFraction}");
        foreach (var (rows, which, change) in new[] { (OfSecond(second), "second", "lower"), (OfFirst(options), "first", "raise") })
        {
            if (!rows.Train.Any(ranking => HasPair(ranking, options)))
            {
                throw new InputException(
                    $"{stage}: with reward.second_model.{share} no ranking that prefers one answer to another is left for the {which} model: {change} it, or give more rankings.");
            }
        }
    }

    private static List<int[]> DemonstrationsOf(StageReader reader, RewardOptions options)
    {
        // What is cut or dropped here was counted by the sft stage; this ledger is the rankings'.
        var unheard = reader with { Ledger = new Ledger("demonstrations") };
        var encoder = unheard.Encoder(reader.Recipe.Data.Demonstrations, options.Limits with { OnOverlong = OverlongPolicy.Drop });
        var first = new List<int[]>();
        foreach (var (row, _) in reader.Data.Demonstrations().Where(row => !row.IsHeldOut))
        {
            // All rows are read and counted, also those behind the last one that is needed.
            if (first.Count < CenteringDemonstrations && encoder.EncodeAnswer(row) is { } encoded)
            {
                first.Add(encoded.Tokens);
            }
        }

        return first;
    }
}
