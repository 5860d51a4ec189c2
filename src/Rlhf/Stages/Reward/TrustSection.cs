using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Reports.Charts;

namespace Rlhf.Stages.Reward;

/// <summary>How far each reward model can be trusted, on prompts that it was not trained on.</summary>
internal static class TrustSection
{
    public static Markup Draw(IReadOnlyList<StageSummary> summaries)
    {
        var stages = summaries.Where(stage => stage.Trust is not null).Reverse().ToArray();
        return stages.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="trust"><h2>Can the reward model be trusted?</h2>
                {stages.Select((stage, i) => i == 0 ? Stage(stage, stage.Trust!) : Markup.Of($"<details><summary>{stage.Name}</summary>{Stage(stage, stage.Trust!)}</details>"))}</section>

                """);
    }

    private static Markup Stage(StageSummary stage, TrustReport trust) => Markup.Of(
        $"""
        <p class="note">{stage.Name}: {trust.Pairs} decided pairs of {trust.Answers} answers to {trust.Prompts} held-out prompts. Bars and points carry 95 % intervals.</p>
        <div class="charts">{Baselines(trust)}{ByAnswers(trust)}{ByMargin(trust)}{Reliability(trust)}{(trust.ByLabeler.Count > 1 ? ByLabeler(trust) : Markup.Empty)}</div>
        <details><summary>Does it judge by length; labelers never seen</summary>{SimilarLength(trust)}{UnseenLabelers(trust)}{Length(trust)}</details>
        """);

    private static Markup SimilarLength(TrustReport trust) => trust.SimilarLengths is not { } similar
        ? Markup.Empty
        : Markup.Of(
            $"""<p class="note"><strong>Among pairs of similar length (within 20 %):</strong> {Percent(similar.Accuracy)} of {similar.Accuracy.Count} pairs are ordered as the labeler did, and the longer answer wins {Percent(similar.LongerWins)}; of all pairs {Percent(trust.Accuracy)} and {Percent(trust.LongerWins)}.</p>""");

    private static Markup UnseenLabelers(TrustReport trust) => trust.UnseenLabelers is not { } unseen
        ? Markup.Empty
        : Markup.Of(
            $"""<p class="note"><strong>Labelers never seen ({unseen.Labelers}):</strong> {Percent(unseen.Accuracy)} of their {unseen.Accuracy.Count} pairs are ordered as they did; {(unseen.Agreement is { } agreement ? $"two of them prefer the same answer in {Percent(agreement)} of {agreement.Count} cases" : "no two of them decided the same pair")}.</p>""");

    private static Markup Baselines(TrustReport trust) => Accuracies(
        "Against rules that read nothing", "Pair accuracy of the reward model beside the accuracy of preferring the shorter or the longer answer.", "",
        [("reward model", trust.Accuracy), ("shorter wins", trust.ShorterWins), ("longer wins", trust.LongerWins)]);

    private static Markup ByAnswers(TrustReport trust) => Accuracies(
        "By number of answers ranked together", "Pair accuracy by K, the number of answers to a prompt that were ranked together.", "K",
        [.. trust.ByAnswers.Select(group => (group.Name, group.Accuracy))]);

    private static Markup ByMargin(TrustReport trust) => Accuracies(
        "By score margin", "Pair accuracy by the difference of the two scores: a model worth its scores is righter where it is surer.",
        "difference of the scores",
        [.. trust.ByMargin.Select(group => ($"{NumberText.Fixed(group.Low)}–{NumberText.Fixed(group.High)}", group.Accuracy))]);

    private static Markup ByLabeler(TrustReport trust) => Accuracies(
        "By labeler", "Pair accuracy against each labeler's own choices.", "labeler", [.. trust.ByLabeler.Select(group => (group.Name, group.Accuracy))]);

    private static Markup Accuracies(string title, string description, string x, IReadOnlyList<(string Name, Estimate Accuracy)> groups) => groups.Count == 0
        ? Markup.Empty
        : BarChart.Draw(
            new ChartWords(title, description, x, "pair accuracy"),
            [.. groups.Select(group => new Bar(
                group.Name, group.Accuracy.Value, group.Accuracy.Low, group.Accuracy.High,
                $"{group.Name}: {Percent(group.Accuracy)} on {group.Accuracy.Count} pairs"))],
            to: 1,
            reference: (0.5, "chance"));

    private static Markup Reliability(TrustReport trust) => trust.Calibration.Bins.Count == 0
        ? Markup.Empty
        : CalibrationChart.Draw(
            new ChartWords(
                "Calibration",
                $"Predicted probability that the preferred answer wins against how often it won; expected calibration error {NumberText.Percent(trust.Calibration.ExpectedCalibrationError)}.",
                $"predicted win probability (calibration error {NumberText.Percent(trust.Calibration.ExpectedCalibrationError)})",
                "observed share"),
            [.. trust.Calibration.Bins.Select(
                bin => new CalibrationPoint(bin.Predicted, bin.Observed.Value, bin.Observed.Low, bin.Observed.High, bin.Observed.Count))]);

    private static Markup Length(TrustReport trust)
    {
        var correlations = new (string Name, double? Value)[]
        {
            ("over all answers", trust.LengthCorrelation), ("by ranks", trust.LengthRankCorrelation), ("among answers to the same prompt", trust.LengthCorrelationWithinPrompts),
        };
        var known = correlations.Where(one => one.Value is not null).Select(one => $"{NumberText.Fixed(one.Value!.Value, sign: true)} {one.Name}").ToArray();
        return known.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""<p class="note"><strong>Correlation of score with length:</strong> {string.Join(", ", known)}. Near 0 the model does not judge by length.</p>""");
    }

    private static string Percent(Estimate estimate) =>
        $"{NumberText.Percent(estimate.Value)} [{NumberText.Percent(estimate.Low)}, {NumberText.Percent(estimate.High)}]";
}
