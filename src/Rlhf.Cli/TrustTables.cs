using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Cli;

/// <summary>A reward model's trust report as tables.</summary>
internal static class TrustTables
{
    /// <summary>Writes the report; a second model's accuracies stand beside it.</summary>
    public static void Write(TextWriter output, TrustReport report, TrustReport? second, RewardAgreement? agreement)
    {
        output.WriteLine(
            FormattableString.Invariant(
                $"{report.Prompts} prompts, {report.Answers} answers, {report.Pairs} decided pairs; 95 % intervals, which go by prompts"));
        output.WriteLine();
        WriteAccuracy(output, report, second, agreement);
        WriteGroups(output, "answers K", report.ByAnswers);
        WriteGroups(output, "labeler", report.ByLabeler);
        WriteMargins(output, report);
        WriteCalibration(output, report.Calibration);
        WriteLength(output, report);
    }

    private static void WriteAccuracy(TextWriter output, TrustReport report, TrustReport? second, RewardAgreement? agreement)
    {
        var table = new TextTable("which answer wins a pair", "accuracy", "interval");
        AddShare(table, "the one with the higher score", report.Accuracy);
        if (second is not null)
        {
            AddShare(table, "the one with the higher score by the second model", second.Accuracy);
        }

        AddShare(table, "the shorter one", report.ShorterWins);
        AddShare(table, "the longer one", report.LongerWins);
        if (report.SimilarLengths is { } similar)
        {
            AddShare(table, FormattableString.Invariant($"of {similar.Accuracy.Count} pairs of similar length (within 20 %): the one with the higher score"), similar.Accuracy);
            AddShare(table, "of the same: the longer one", similar.LongerWins);
        }

        table.Write(output);
        output.WriteLine();
        if (agreement is not null)
        {
            output.WriteLine(
                $"Both models prefer the same answer in {NumberText.Percent(agreement.SamePreference.Value)} of the pairs {IntervalOf(agreement.SamePreference)}; correlation of their scores {Number(agreement.ScoreCorrelation)}.");
            output.WriteLine();
        }
    }

    private static void WriteGroups(TextWriter output, string name, IReadOnlyList<AccuracyGroup> groups)
    {
        if (groups.Count == 0)
        {
            return;
        }

        var table = new TextTable(name, "pairs", "accuracy", "interval");
        foreach (var group in groups)
        {
            table.AddRow(group.Name, NumberText.Short(group.Accuracy.Count), NumberText.Percent(group.Accuracy.Value), IntervalOf(group.Accuracy));
        }

        table.Write(output);
        output.WriteLine();
    }

    private static void WriteMargins(TextWriter output, TrustReport report)
    {
        var table = new TextTable("scores differ by", "pairs", "accuracy", "interval");
        foreach (var group in report.ByMargin)
        {
            table.AddRow($"{NumberText.Short(group.Low)} to {NumberText.Short(group.High)}", NumberText.Short(group.Accuracy.Count),
                NumberText.Percent(group.Accuracy.Value), IntervalOf(group.Accuracy));
        }

        table.Write(output);
        output.WriteLine();
    }

    private static void WriteCalibration(TextWriter output, Calibration calibration)
    {
        var table = new TextTable("the model gives its choice", "pairs", "it says", "it was right", "interval");
        foreach (var bin in calibration.Bins)
        {
            table.AddRow(
                $"{NumberText.Percent(bin.Low)} to {NumberText.Percent(bin.High)}", NumberText.Short(bin.Observed.Count), NumberText.Percent(bin.Predicted),
                NumberText.Percent(bin.Observed.Value), IntervalOf(bin.Observed));
        }

        table.Write(output);
        output.WriteLine($"Expected calibration error {NumberText.Percent(calibration.ExpectedCalibrationError)}.");
        output.WriteLine();
    }

    private static void WriteLength(TextWriter output, TrustReport report) => output.WriteLine(
        $"Correlation of score with length: {Number(report.LengthCorrelation)}, of their ranks {Number(report.LengthRankCorrelation)}, among answers to the same prompt {Number(report.LengthCorrelationWithinPrompts)}.");

    private static void AddShare(TextTable table, string name, Estimate share) => table.AddRow(name, NumberText.Percent(share.Value), IntervalOf(share));

    private static string IntervalOf(Estimate share) => $"[{NumberText.Percent(share.Low)}, {NumberText.Percent(share.High)}]";

    private static string Number(double? value) => value is { } number ? NumberText.Fixed(number, sign: true) : "none (one of them does not vary)";
}
