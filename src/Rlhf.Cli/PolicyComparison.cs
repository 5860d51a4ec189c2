using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Cli;

/// <summary>A policy's figures. Intervals take prompts, not answers, as independent.</summary>
/// <param name="Score">Mean score by the reward model.</param>
/// <param name="SecondScore">By the second reward model.</param>
/// <param name="Kl">Mean KL to the reference, nats per answer.</param>
/// <param name="Length">Mean length, tokens.</param>
/// <param name="EosShare">Share of answers that ended by themselves.</param>
/// <param name="Entropy">Mean entropy per token, nats.</param>
/// <param name="DistinctShare">Distinct answers over all answers.</param>
internal sealed record PolicyFigures(
    Estimate Score, Estimate? SecondScore, Estimate? Kl, Estimate Length, Estimate EosShare, double Entropy, double DistinctShare)
{
    public static PolicyFigures Of(PolicyEvaluation evaluation, bool hasReference) => new(
        evaluation.Score, evaluation.SecondScore, hasReference ? evaluation.Kl : null, evaluation.Length,
        Intervals.ClusteredWilson(
            [.. evaluation.Answers.GroupBy(answer => answer.Prompt)
                .Select(group => ((double)group.Count(answer => answer.Completion.Finished), group.LongCount()))]),
        evaluation.Entropy, evaluation.DistinctShare);
}

/// <summary>What <c>rlhf eval policy</c> found.</summary>
/// <param name="Model">The policy's folder.</param>
/// <param name="Versus">The other policy's folder.</param>
/// <param name="Prompts">Prompts that were answered.</param>
/// <param name="Samples">Answers to each.</param>
/// <param name="Seed">The seed of both.</param>
/// <param name="Policy">The policy's figures.</param>
/// <param name="Other">The other one's.</param>
/// <param name="WinRate">How often the policy's answer scores higher than the other one's to the same prompt.</param>
/// <param name="SecondWinRate">The same by the second reward model.</param>
/// <param name="ScoreDifference">Mean score less the other one's, with a paired interval.</param>
internal sealed record PolicyComparison(
    string Model, string? Versus, int Prompts, int Samples, ulong Seed, PolicyFigures Policy, PolicyFigures? Other,
    WinRate? WinRate, WinRate? SecondWinRate, Estimate? ScoreDifference)
{
    public static PolicyComparison Of(
        string model, PolicyEvaluation policy, string? versus, PolicyEvaluation? other, int prompts, int samples, ulong seed, bool hasReference)
    {
        // Answer i of both belongs to the same prompt and the same sample.
        int[] promptOf = [.. policy.Answers.Select(answer => answer.Prompt)];
        return new PolicyComparison(
            model, versus, prompts, samples, seed, PolicyFigures.Of(policy, hasReference), other is null ? null : PolicyFigures.Of(other, hasReference),
            other is null ? null : WinRate.Of(Scores(policy), Scores(other), promptOf),
            other is null || policy.SecondScore is null ? null : WinRate.Of(SecondScores(policy), SecondScores(other), promptOf),
            other is null ? null : Intervals.PairedBootstrap(Scores(policy), Scores(other), promptOf));
    }

    /// <summary>Writes the figures as tables.</summary>
    public void Write(TextWriter output)
    {
        output.WriteLine(FormattableString.Invariant($"{Prompts} prompts, {Samples} answers each, seed {Seed}; 95 % intervals over prompts"));
        output.WriteLine();
        var table = new TextTable(Other is null ? ["figure", "model", "interval"] : ["figure", "model", "interval", "versus", "interval"]);
        AddRow(table, "score", figures => figures.Score);
        AddRow(table, "score by the second reward model", figures => figures.SecondScore);
        AddRow(table, "KL to the reference, nats per answer", figures => figures.Kl);
        AddRow(table, "length, tokens", figures => figures.Length);
        AddRow(table, "answers that ended by themselves", figures => figures.EosShare, share: true);
        AddRow(table, "entropy, nats per token", figures => NumberText.Short(figures.Entropy));
        AddRow(table, "distinct answers", figures => NumberText.Percent(figures.DistinctShare));
        table.Write(output);
        WriteWins(output, "the reward model", WinRate);
        WriteWins(output, "the second reward model", SecondWinRate);
        if (ScoreDifference is { } difference)
        {
            output.WriteLine(
                $"Difference of scores: {NumberText.Fixed(difference.Value, sign: true, decimals: 3)} [{NumberText.Fixed(difference.Low, sign: true, decimals: 3)}, {NumberText.Fixed(difference.High, sign: true, decimals: 3)}].");
        }
    }

    private static double[] Scores(PolicyEvaluation evaluation) => [.. evaluation.Answers.Select(answer => answer.Score)];

    private static double[] SecondScores(PolicyEvaluation evaluation) => [.. evaluation.Answers.Select(answer => answer.SecondScore!.Value)];

    private static void WriteWins(TextWriter output, string judge, WinRate? wins)
    {
        if (wins is not null)
        {
            output.WriteLine();
            output.WriteLine(FormattableString.Invariant(
                $"By {judge} the model wins {NumberText.Percent(wins.Rate.Value)} [{NumberText.Percent(wins.Rate.Low)}, {NumberText.Percent(wins.Rate.High)}] of the pairs: {wins.Wins} wins, {wins.Ties} ties, {wins.Losses} losses."));
        }
    }

    private void AddRow(TextTable table, string name, Func<PolicyFigures, Estimate?> figure, bool share = false)
    {
        if (figure(Policy) is { } own)
        {
            string[] cells = [name, .. Cells(own, share)];
            table.AddRow(Other is null ? cells : [.. cells, .. Cells(figure(Other)!, share)]);
        }
    }

    private void AddRow(TextTable table, string name, Func<PolicyFigures, string> figure)
    {
        string[] cells = [name, figure(Policy), ""];
        table.AddRow(Other is null ? cells : [.. cells, figure(Other), ""]);
    }

    private static string[] Cells(Estimate estimate, bool share)
    {
        Func<double, string> shown = share ? NumberText.Percent : NumberText.Short;
        return [shown(estimate.Value), $"[{shown(estimate.Low)}, {shown(estimate.High)}]"];
    }
}
