using Rlhf.Data;
using Rlhf.Objectives;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Dpo;

/// <summary>What a policy learns from and is judged on.</summary>
/// <param name="Train">Rows trained on.</param>
/// <param name="HeldOut">Rows held out.</param>
/// <param name="WithoutPreference">Rankings that prefer nothing, which were left out.</param>
/// <param name="LeftOut">Rankings of held-out labelers on training prompts, which nobody reads.</param>
/// <param name="Sources">Where the rows are from.</param>
internal sealed record DpoRows(
    IReadOnlyList<PreferenceRow> Train, IReadOnlyList<PreferenceRow> HeldOut, int WithoutPreference, int LeftOut, IReadOnlyList<RankingSource> Sources)
{
    /// <summary>Rankings of the data and of all collect stages so far, and labeled answers.</summary>
    /// <exception cref="InputException">Nothing is left to learn from.</exception>
    public static DpoRows Read(StageContext context, StageReader reader, DpoOptions options)
    {
        var rankings = RankedRows.Read(context, reader, options);
        var rows = Of(rankings.Train, rankings.HeldOut, reader, options) with { LeftOut = rankings.LeftOut };
        rows = rows with { Sources = [.. rankings.Sources, .. rows.Sources], Train = Drawn(rows.Train, options, context.SeedOf(options.Seed)) };
        Tell(context, options, rankings, rows);
        return rows;
    }

    /// <summary>The rows of the data alone, for a plan.</summary>
    public static DpoRows OfData(StageReader reader, DpoOptions options)
    {
        var (train, heldOut) = RankedRows.Comparisons(reader, options);
        return Of(train, heldOut, reader, options);
    }

    /// <summary>The rows of <c>max_steps</c> steps where that is less than an epoch: the reference need not see the others.</summary>
    internal static IReadOnlyList<PreferenceRow> Drawn(IReadOnlyList<PreferenceRow> rows, DpoOptions options, ulong seed) =>
        options.MaxSteps is { } steps && (long)steps * options.Batch < rows.Count
            ? [.. EpochOrder.Of(rows.Count, seed, 0).Take(steps * options.Batch).Select(row => rows[row])]
            : rows;

    private static DpoRows Of(IReadOnlyList<EncodedRanking> train, IReadOnlyList<EncodedRanking> heldOut, StageReader reader, DpoOptions options)
    {
        var (labeled, labeledHeldOut) = options.Loss == PreferenceObjective.Kto ? Labeled(reader, options) : ([], []);
        PreferenceRow[] trained = [.. train.Select(ranking => PreferenceRow.Of(ranking, options)).OfType<PreferenceRow>(), .. labeled];
        PreferenceRow[] held = [.. heldOut.Select(ranking => PreferenceRow.Of(ranking, options)).OfType<PreferenceRow>(), .. labeledHeldOut];
        var without = train.Count + heldOut.Count + labeled.Count + labeledHeldOut.Count - trained.Length - held.Length;
        RankingSource[] sources = labeled.Count + labeledHeldOut.Count > 0
            ? [new RankingSource("data.labeled", 1, labeled.Count, labeledHeldOut.Count)]
            : [];
        var mismatches = options is { Loss: PreferenceObjective.Kto, ReferencePoint: true };
        return new DpoRows(
            mismatches ? WithMismatched(trained, reader.ContextLength) : trained, mismatches ? WithMismatched(held, reader.ContextLength) : held, without, 0,
            sources);
    }

    private static (List<PreferenceRow> Train, List<PreferenceRow> HeldOut) Labeled(StageReader reader, DpoOptions options)
    {
        var encoder = reader.Encoder(reader.Recipe.Data.Labeled, options.Limits);
        var (train, heldOut) = (new List<PreferenceRow>(), new List<PreferenceRow>());
        foreach (var (row, isHeldOut) in reader.Told(reader.Data.Labeled()))
        {
            var demonstration = new Demonstration(row.Id, row.Prompt, row.Answer, TrainOnAllTurns: false, row.Position);
            if (encoder.EncodeAnswer(demonstration) is { } answer)
            {
                var prompt = reader.Tokenizer.Decode(answer.Tokens.AsSpan(0, answer.PromptLength));
                (isHeldOut ? heldOut : train).Add(new PreferenceRow(prompt, [answer], 1) { Desirable = [row.Desirable] });
            }
        }

        return (train, heldOut);
    }

    /// <summary>Each row with answers to the prompt of the next row that asks something else (Ethayarajh 2024): fixed, so the reference sees them
    /// once.</summary>
    private static PreferenceRow[] WithMismatched(PreferenceRow[] rows, int contextLength)
    {
        var partners = new int[rows.Length];
        for (var i = (2 * rows.Length) - 1; i >= 0; i--) // twice around: the last row's partner may be the first
        {
            var (row, next) = (i % rows.Length, (i + 1) % rows.Length);
            partners[row] = rows[next].PromptText != rows[row].PromptText || i == (2 * rows.Length) - 1 ? next : partners[next];
        }

        return [.. rows.Select((row, i) => row with
        {
            Mismatched = [.. row.Answers.Select((answer, k) => Joined(answer, rows[partners[i]].Answers[k % rows[partners[i]].Answers.Length], contextLength))],
        })];
    }

    private static EncodedSequence Joined(EncodedSequence prompt, EncodedSequence answer, int contextLength)
    {
        int[] tokens = [.. prompt.Tokens.AsSpan(0, prompt.PromptLength), .. answer.Tokens.AsSpan(answer.PromptLength)];
        return new EncodedSequence(tokens.Length > contextLength ? tokens[..contextLength] : tokens, prompt.PromptLength, null, answer.RowId, false);
    }

    private static void Tell(StageContext context, DpoOptions options, RankedRows rankings, DpoRows rows)
    {
        if (rows.Train.Count == 0)
        {
            throw new InputException(rows.WithoutPreference > 0
                ? $"{context.Step.Name}: no ranking to train on prefers one answer to another: of all {rows.WithoutPreference}, {WhyNothing(options)}."
                : $"{context.Step.Name}: no ranking is left to train on:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        if (rows.WithoutPreference > 0)
        {
            context.Progress.Line($"{context.Step.Name}: {rows.WithoutPreference} rankings are left out: {WhyNothing(options)}");
        }

        if (!DpoValidation.TakesMargin(options) && rankings.Train.Count(static ranking => ranking.Margins is not null) is > 0 and var margins)
        {
            context.Progress.Line($"{context.Step.Name}: {margins} rankings bring margins, which this loss does not read");
        }

        if (rows.HeldOut.Count == 0)
        {
            context.Progress.Line(
                $"{context.Step.Name}: nothing is held out: no held-out loss and accuracy; data.comparisons.held_out, data.labeled.held_out or dpo.collected_held_out gives some");
        }
    }

    /// <summary>What rows without a preference are, by the loss: ties are no pairs.</summary>
    private static string WhyNothing(DpoOptions options) => options.Loss == PreferenceObjective.Kto ? "every answer wins as often as it loses, or ties"
        : options.Rankings == RankingForm.PlackettLuce ? "all answers tie, or the pairs are no order of the answers (rankings: pairs takes these)"
        : "all answers tie";
}
