using Rlhf.Evaluation;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public class IntervalsTests
{
    [Theory]
    // Newcombe 1998, table I: 81 of 263, 15 of 148, 0 of 20, 1 of 29.
    [InlineData(81, 263, 0.2553, 0.3662)]
    [InlineData(15, 148, 0.0624, 0.1605)]
    [InlineData(0, 20, 0.0000, 0.1611)]
    [InlineData(1, 29, 0.0061, 0.1718)]
    public void Wilsons_interval_is_the_published_one(int successes, int trials, double low, double high)
    {
        var share = Intervals.Wilson(successes, trials);
        Assert.Equal(low, share.Low, 4);
        Assert.Equal(high, share.High, 4);
        Assert.Equal((double)successes / trials, share.Value);
    }

    [Theory]
    // 97.5 % points of the t table.
    [InlineData(2, 12.7062)]
    [InlineData(3, 4.3027)]
    [InlineData(11, 2.2281)]
    [InlineData(31, 2.0423)]
    [InlineData(1001, 1.9623)]
    public void The_interval_of_a_mean_is_students(int count, double t)
    {
        double[] values = [.. Enumerable.Range(0, count).Select(i => i % 3.0)];
        var mean = Intervals.Mean(values);
        var deviation = Math.Sqrt(values.Sum(v => (v - values.Average()) * (v - values.Average())) / (count - 1));
        Assert.Equal(t, (mean.High - mean.Value) / (deviation / Math.Sqrt(count)), 4);
        Assert.Equal(mean.Value - mean.Low, mean.High - mean.Value, 9);
    }

    [Fact]
    public void Pairs_that_move_together_widen_the_interval_and_independent_ones_do_not()
    {
        var together = Intervals.ClusteredWilson([.. Enumerable.Range(0, 40).Select(i => (i % 4 == 0 ? 0.0 : 6.0, 6L))]);
        Assert.Equal(0.75, together.Value);
        var prompts = Intervals.Wilson(30, 40);
        Assert.Equal((prompts.Low, prompts.High, 240L), (together.Low, together.High, together.Count));
        var single = Intervals.ClusteredWilson([.. Enumerable.Range(0, 40).Select(i => (i % 4 == 0 ? 0.0 : 1.0, 1L))]);
        Assert.Equal(prompts, single);
        Assert.Equal(Intervals.Wilson(5, 5).Low, Intervals.ClusteredWilson([.. Enumerable.Repeat((6.0, 6L), 5)]).Low);
    }

    [Fact]
    public void The_bootstrap_draws_whole_clusters_and_repeats_with_its_seed()
    {
        double[] a = [.. Enumerable.Range(0, 400).Select(i => 0.1 + i / 8 % 2)], b = new double[400];
        int[] clusters = [.. Enumerable.Range(0, 400).Select(i => i / 8)];
        var alone = Intervals.PairedBootstrap(a, b, seed: 3);
        var clustered = Intervals.PairedBootstrap(a, b, clusters, seed: 3);
        Assert.Equal(0.6, alone.Value, 12);
        Assert.Equal(0.6, clustered.Value, 12);
        // Deviation 0.5: over 400 pairs 0.025 a standard error, over 50 clusters 0.071.
        Assert.InRange(alone.High - alone.Low, 2 * 1.96 * 0.025 * 0.9, 2 * 1.96 * 0.025 * 1.1);
        Assert.InRange(clustered.High - clustered.Low, 2 * 1.96 * 0.0707 * 0.9, 2 * 1.96 * 0.0707 * 1.1);
        Assert.Equal(clustered, Intervals.PairedBootstrap(a, b, clusters, seed: 3));
    }

    [Fact]
    public void Correlations_are_those_of_the_definition()
    {
        Assert.Equal(1, Correlation.Pearson([1, 2, 3], [10, 20, 30])!.Value, 12);
        Assert.Equal(0.8660254037844386, Correlation.Pearson([1, 2, 3], [1, 2, 2])!.Value, 12);
        Assert.Equal(-1, Correlation.Spearman([1, 2, 3, 4], [100, 5, 3, -1])!.Value, 12);
        // Ranks 0, 1.5, 1.5, 3 against 0, 1, 2, 3.
        Assert.Equal(4.5 / Math.Sqrt(4.5 * 5), Correlation.Spearman([1, 2, 2, 9], [1, 2, 3, 4])!.Value, 12);
        Assert.Null(Correlation.Pearson([1, 1, 1], [1, 2, 3]));
        Assert.Null(Correlation.Pearson([], []));
    }

    [Fact]
    public void Calibration_compares_what_was_predicted_with_what_came()
    {
        var calibration = Calibration.Of([(0.55, 1), (0.55, 0), (0.95, 1), (0.85, 1), (1.0, 0)], 0.5, 5);
        Assert.Equal([0.5, 0.8, 0.9], calibration.Bins.Select(b => Math.Round(b.Low, 12)));
        Assert.Equal([0.5, 1, 0.5], calibration.Bins.Select(b => b.Observed.Value));
        Assert.Equal((2 * 0.05 + 0.15 + 2 * 0.475) / 5, calibration.ExpectedCalibrationError, 12);
    }

    [Fact]
    public void Win_rates_count_ties_half()
    {
        var rate = WinRate.Of([1, 2, 3, 4], [0, 2, 4, 3]);
        Assert.Equal((2, 1, 1, 0.625), (rate.Wins, rate.Ties, rate.Losses, rate.Rate.Value));
        Assert.True(WinRate.Of([1, 1, 0, 0], [0, 0, 1, 1], [1, 1, 2, 2]).Rate.Low < WinRate.Of([1, 1, 0, 0], [0, 0, 1, 1]).Rate.Low);
    }
}
