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
    public void Pairs_of_similar_length_are_counted_by_themselves()
    {
        // 8 of 10 tokens are similar, 79 of 100 are not.
        var report = TrustReport.Of(
        [
            new() { Prompt = "a", Scores = [1, 0], Lengths = [8, 10], Pairs = [(0, 1)] },
            new() { Prompt = "b", Scores = [1, 0], Lengths = [10, 8], Pairs = [(1, 0)] },
            new() { Prompt = "c", Scores = [2, 0], Lengths = [7, 7], Pairs = [(0, 1)] },
            new() { Prompt = "d", Scores = [0, 5], Lengths = [79, 100], Pairs = [(1, 0)] },
        ]);
        var similar = report.SimilarLengths!;
        Assert.Equal((3, 2.0 / 3, 0.5 / 3), (similar.Accuracy.Count, similar.Accuracy.Value, similar.LongerWins.Value));
        Assert.Equal(0.75, report.Accuracy.Value);
        Assert.Null(TrustReport.Of([new() { Prompt = "a", Scores = [1, 0], Lengths = [1, 9], Pairs = [(0, 1)] }]).SimilarLengths);
    }

    private static HeldOutRanking Vote(string labeler, string prompt, bool forFirst, bool swapped = false) => new()
    {
        Prompt = prompt,
        Labeler = labeler,
        Answers = swapped ? ["no", "yes"] : ["yes", "no"],
        Scores = swapped ? [0, 1] : [1, 0],
        Lengths = [3, 3],
        Pairs = [forFirst == swapped ? (1, 0) : (0, 1)],
    };

    [Fact]
    public void Labelers_never_seen_stand_beside_their_agreement_with_each_other()
    {
        HeldOutRanking[] votes =
        [
            Vote("old", "a", true), Vote("new1", "a", true), Vote("new2", "a", true, swapped: true), Vote("new3", "a", false), Vote("new1", "b", false),
            Vote("new1", "b", false), // twice by one person: no agreement of two
            new() { Prompt = "a", Labeler = "new4", Answers = ["yes", "no"], Scores = [1, 0], Lengths = [3, 3], Pairs = [] }, // a tie
        ];
        var unseen = TrustReport.Of(votes, new HashSet<string> { "old" }).UnseenLabelers!;
        Assert.Equal((3, 5L, 2.0 / 5), (unseen.Labelers, unseen.Accuracy.Count, unseen.Accuracy.Value));
        Assert.Equal((3L, 1.0 / 3), (unseen.Agreement!.Count, unseen.Agreement.Value)); // of 1-2, 1-3 and 2-3 the first agree

        Assert.Null(TrustReport.Of(votes).UnseenLabelers);
        Assert.Null(TrustReport.Of(votes, new HashSet<string> { "old", "new1", "new2", "new3" }).UnseenLabelers);
        Assert.Null(TrustReport.Of([Vote("new1", "a", true)], new HashSet<string>()).UnseenLabelers!.Agreement);
    }

    [Fact]
    public void Of_many_labelers_those_with_most_pairs_are_named()
    {
        var report = TrustReport.Of([.. Enumerable.Range(0, 25).SelectMany(i => Enumerable.Repeat(Vote($"{i:00}", $"{i}", true), 1 + i))]);
        Assert.Equal([.. Enumerable.Range(5, 20).Select(i => $"{i:00}"), "5 others"], report.ByLabeler.Select(group => group.Name));
        Assert.Equal(1 + 2 + 3 + 4 + 5, report.ByLabeler[^1].Accuracy.Count);
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
