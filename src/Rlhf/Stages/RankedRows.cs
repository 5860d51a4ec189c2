using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>What the options of a stage that learns from rankings say of them.</summary>
internal interface IRankingOptions
{
    /// <summary>Limits on the length of prompts and answers.</summary>
    EncodingOptions Limits { get; }

    /// <summary>Share of the collected rankings' prompts that is held out.</summary>
    double CollectedHeldOut { get; }

    /// <summary>Labelers whose rankings are never trained on.</summary>
    HeldOutRule HeldOutLabelers { get; }

    /// <summary>Weights of the collected rankings by round, the newest round's last.</summary>
    IReadOnlyList<double> RoundWeights { get; }
}

/// <summary>The rankings that a stage learns from and is judged on: those of the data, and what has been collected.</summary>
/// <param name="Train">Rankings trained on.</param>
/// <param name="HeldOut">Rankings held out.</param>
/// <param name="LeftOut">Rankings of held-out labelers on training prompts, which nobody reads.</param>
/// <param name="Sources">Where the rankings are from.</param>
internal sealed record RankedRows(
    StoredRows<EncodedRanking> Train, StoredRows<EncodedRanking> HeldOut, int LeftOut, IReadOnlyList<RankingSource> Sources)
{
    private const string CollectedSalt = "collected rankings";

    private sealed record Part(string Source, double Weight, int? Round, StoredRows<EncodedRanking> Train, StoredRows<EncodedRanking> HeldOut);

    /// <summary>The comparisons of the data; none without a source.</summary>
    public static (StoredRows<EncodedRanking> Train, StoredRows<EncodedRanking> HeldOut) Comparisons(StageReader reader, IRankingOptions options)
    {
        var encoder = reader.Encoder(reader.Recipe.Data.Comparisons, options.Limits);
        return reader.StoreKept(reader.Data.Comparisons(), encoder.Encode, EncodedCodecs.Ranking);
    }

    /// <summary>The rankings of the data and of all collect stages so far; they may be none.</summary>
    public static RankedRows Read(StageContext context, StageReader reader, IRankingOptions options)
    {
        var parts = new List<Part>();
        if (context.Recipe.Data.Comparisons is not null)
        {
            var (train, heldOut) = Comparisons(reader, options);
            parts.Add(new Part("data.comparisons", 1, null, train, heldOut));
        }

        foreach (var (stage, folder) in context.Models.Rankings)
        {
            var weight = WeightOfRound(options, context.Step.Round - stage.Round);
            var collected = weight > 0 ? RankingFile.Read(Path.Combine(folder, RankingFile.Name)) : [];

            // Salted: the unsalted side decides which prompts were sampled at all.
            var (train, heldOut) = reader.Store(
                collected.Select(row => (row, PromptSplit.IsHeldOut(row.SplitKey, options.CollectedHeldOut, CollectedSalt))),
                row => [row with { Weight = weight }], EncodedCodecs.Ranking);
            parts.Add(new Part(stage.Name, weight, stage.Round, train, heldOut));
        }

        CheckLabelers(context, options, parts.SelectMany(part => part.Train.Concat(part.HeldOut)));
        var labelers = new HeldOutLabelers(options.HeldOutLabelers, parts.SelectMany(part => part.Train));
        for (var i = 0; i < parts.Count; i++)
        {
            var (train, heldOut) = labelers.Apply(parts[i].Train, parts[i].HeldOut);
            parts[i] = parts[i] with { Train = train, HeldOut = heldOut };
        }

        var none = new StoredRows<EncodedRanking>(reader.Spill, EncodedCodecs.Ranking);
        return new RankedRows(
            none.With(parts.Select(part => part.Train)), none.With(parts.Select(part => part.HeldOut)), labelers.LeftOut,
            [.. parts.Select(part => new RankingSource(part.Source, part.Weight, part.Train.Count, part.HeldOut.Count, part.Round))]);
    }

    /// <summary>The weight of rankings that are so many rounds old; 0 for the newest.</summary>
    public static double WeightOfRound(IRankingOptions options, int age) =>
        options.RoundWeights.Count == 0 ? 1 : options.RoundWeights[Math.Max(0, options.RoundWeights.Count - 1 - age)];

    /// <summary>Adds what is wrong with the options that have to do with rankings.</summary>
    public static void Validate(IRankingOptions options, OptionErrors errors)
    {
        errors.Below(options.CollectedHeldOut, 0, 1, nameof(options.CollectedHeldOut));
        errors.Below(options.HeldOutLabelers.Share, 0, 1, nameof(options.HeldOutLabelers));
        errors.Require(options.RoundWeights.All(weight => double.IsFinite(weight) && weight >= 0) && options.RoundWeights is not [.., 0],
            nameof(options.RoundWeights), "must be numbers, 0 or above, the last one (the newest round's) above 0");
        options.Limits.Validate(errors.Below(nameof(options.Limits)));
    }

    /// <summary>Adds what of these options has no effect in a recipe.</summary>
    public static void Validate(Recipe recipe, IRankingOptions options, OptionErrors own)
    {
        own.NoEffect(recipe.Sections.Any(static section => section.Stage.Makes == StageProduct.Rankings), nameof(options.CollectedHeldOut),
            "without a collect stage");
        own.NoEffect(recipe.Rounds > 1, nameof(options.RoundWeights), "with one round");
        own.Require(options.RoundWeights.Count <= recipe.Rounds, nameof(options.RoundWeights), "has more weights than there are rounds");
    }

    /// <summary>A labeler who is to be held out and ranked nothing is a name written wrongly, unless rankings are collected: then they may rank
    /// later.</summary>
    private static void CheckLabelers(StageContext context, IRankingOptions options, IEnumerable<EncodedRanking> rankings)
    {
        if (options.HeldOutLabelers.Names.Count == 0)
        {
            return;
        }

        string[] known = [.. rankings.Select(ranking => ranking.Labeler).OfType<string>().Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal)];
        var absent = options.HeldOutLabelers.Names.Where(name => !known.Any(labeler => HeldOutRule.Fits(name, labeler))).ToArray();
        if (absent.Length == 0)
        {
            return;
        }

        var problem =
            $"{context.Step.Name}: {context.Step.Stage.Name}.held_out_labelers: nothing is ranked by {string.Join(", ", absent)}; the rankings' labelers are {(known.Length > 0 ? string.Join(", ", known) : "not named")}";
        if (context.Models.Rankings.Count == 0)
        {
            throw new InputException(problem + ".");
        }

        context.Progress.Line(problem);
    }
}
