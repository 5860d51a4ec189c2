using System.Text.Json;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public class TrustReportTests
{
    private static readonly HeldOutRanking[] Rankings =
    [
        new() { Prompt = "a", Labeler = "ann", Scores = [1, 0], Lengths = [10, 20], Pairs = [(0, 1)] },
        new() { Prompt = "b", Labeler = "bob", Scores = [1, 3], Lengths = [10, 10], Pairs = [(0, 1)] },
        new() { Prompt = "c", Labeler = "ann", Scores = [2, 1, 1], Lengths = [5, 9, 7], Pairs = [(0, 1), (0, 2), (1, 2)] },
    ];

    [Fact]
    public void Accuracy_is_counted_overall_and_by_group()
    {
        var report = TrustReport.Of(Rankings);
        // Right: a; wrong: b; c: right, right, equal scores.
        Assert.Equal((3, 7, 5, 3.5 / 5), (report.Prompts, report.Answers, report.Pairs, report.Accuracy.Value));
        Assert.Equal([("2", 0.5), ("3", 2.5 / 3)], report.ByAnswers.Select(g => (g.Name, g.Accuracy.Value)));
        Assert.Equal([("ann", 3.5 / 4), ("bob", 0.0)], report.ByLabeler.Select(g => (g.Name, g.Accuracy.Value)));
        Assert.Equal(5, report.ByMargin.Sum(g => g.Accuracy.Count));
        Assert.Equal(0, report.ByMargin[0].Low);
        Assert.Equal(2, report.ByMargin[^1].High);
    }

    [Fact]
    public void The_length_rules_stand_beside_the_accuracy()
    {
        var report = TrustReport.Of(Rankings);
        // Shorter preferred: a yes, b equal, c yes, yes, no.
        Assert.Equal(3.5 / 5, report.ShorterWins.Value);
        Assert.Equal(1.5 / 5, report.LongerWins.Value, 12);
        Assert.True(report.LengthCorrelation < 0);
        Assert.True(report.LengthCorrelationWithinPrompts < 0);
    }

    [Fact]
    public void A_model_that_only_counts_tokens_is_seen_through()
    {
        var random = new Random(1);
        var report = TrustReport.Of([.. Enumerable.Range(0, 200).Select(i =>
        {
            int[] lengths = [random.Next(5, 50), random.Next(50, 90)];
            return new HeldOutRanking
            {
                Prompt = $"{i}",
                Scores = [.. lengths.Select(l => l / 10.0)],
                Lengths = lengths,
                Pairs = [random.Next(10) < 7 ? (1, 0) : (0, 1)],
            };
        })]);
        Assert.Equal(report.LongerWins, report.Accuracy);
        Assert.Equal(1, report.LengthRankCorrelation!.Value, 9);
        Assert.Empty(report.ByLabeler);
        Assert.True(report.Calibration.ExpectedCalibrationError > 0.15);
    }

    [Fact]
    public void Without_a_decided_pair_there_is_no_report() =>
        Assert.Throws<InputException>(() => TrustReport.Of([new() { Prompt = "a", Scores = [1, 2], Lengths = [1, 1], Pairs = [] }]));

    [Fact]
    public void The_report_survives_json_with_snake_case_keys()
    {
        var json = JsonSerializer.Serialize(TrustReport.Of(Rankings), SummaryFiles.Json);
        Assert.Contains("\"shorter_wins\"", json, StringComparison.Ordinal);
        var again = JsonSerializer.Serialize(JsonSerializer.Deserialize<TrustReport>(json, SummaryFiles.Json), SummaryFiles.Json);
        Assert.Equal(json, again);
    }
}
