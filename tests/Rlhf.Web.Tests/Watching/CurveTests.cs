using System.Text;
using Rlhf.Web.Watching;

namespace Rlhf.Web.Tests.Watching;

public sealed class CurveTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(511)]
    [InlineData(512)]
    [InlineData(513)]
    [InlineData(10_000)]
    [InlineData(100_000)]
    public void Least_greatest_and_mean_hold_and_columns_do_not_grow_with_the_steps(int steps)
    {
        var curve = new Curve();
        double Value(int step) => Math.Sin(step * 0.37) * step;
        for (var step = 1; step <= steps; step++)
        {
            curve.Add(step, Value(step), step);
        }

        Assert.InRange(curve.Columns.Count, Math.Min(steps, (Limits.WatchedColumns / 2) - 1), Limits.WatchedColumns);
        Assert.Equal(steps, curve.Columns.Sum(column => column.Count));
        foreach (var column in curve.Columns)
        {
            var from = (int)(curve.First + (column.Index * curve.Width));
            double[] own = [.. Enumerable.Range(from, (int)Math.Min(curve.Width, steps - from + 1)).Select(Value)];
            Assert.Equal((own.Min(), own.Max(), own.Length), (column.Low, column.High, column.Count));
            Assert.Equal(own.Average(), column.Sum / column.Count, 9);
        }
    }

    [Theory]
    [InlineData(long.MinValue, long.MaxValue)]
    [InlineData(0, long.MaxValue)]
    [InlineData(5, -3)]
    public void Any_two_steps_have_their_places(long first, long second)
    {
        var curve = new Curve();
        curve.Add(first, 1, 1);
        curve.Add(second, 2, 2);
        curve.Add(first, 3, 3);
        Assert.Equal(3, curve.Columns.Sum(column => column.Count));
        Assert.All(curve.Columns, column => Assert.InRange(column.Index, 0, Limits.WatchedColumns - 1));
        Assert.Equal(curve.Columns.OrderBy(column => column.Index), curve.Columns);
    }

    [Fact]
    public void What_is_kept_of_a_run_of_10000_steps_is_that_of_a_short_one()
    {
        var curves = new RunCurves();
        for (var step = 1; step <= 10_000; step++)
        {
            var metrics = string.Join(',', Enumerable.Range(0, 40).Select(i => $"\"metric_{i}\":{step * i}"));
            curves.Add(Encoding.UTF8.GetBytes($"{{\"stage\":\"03-ppo\",\"step\":{step},\"seconds\":{step},{metrics}}}"));
        }

        Assert.Equal(40, curves.All.Count);
        Assert.InRange(curves.Columns, 40 * Limits.WatchedColumns / 2 - 40, 40 * Limits.WatchedColumns);
        Assert.Equal(0, curves.Refused);
    }

    [Fact]
    public void Names_without_end_are_left_out_and_said()
    {
        var curves = new RunCurves();
        for (var i = 0; i < 3 * Limits.WatchedCurves; i++)
        {
            curves.Add(Encoding.UTF8.GetBytes($"{{\"stage\":\"01-sft\",\"step\":1,\"name{i}\":1}}"));
        }

        Assert.Equal(Limits.WatchedCurves, curves.All.Count);
        Assert.True(curves.IsFull);
    }

    [Theory]
    [InlineData("")]
    [InlineData("[]")]
    [InlineData("{")]
    [InlineData("{\"stage\":\"a\"}")]
    [InlineData("{\"stage\":\"\",\"step\":1,\"x\":1}")]
    [InlineData("{\"stage\":1,\"step\":1,\"x\":1}")]
    [InlineData("{\"stage\":\"a\",\"step\":1.5,\"x\":1}")]
    [InlineData("{\"stage\":\"a\",\"step\":1,\"x\":\"one\"}")]
    [InlineData("{\"stage\":\"a\",\"step\":1,\"x\":1e999}")]
    [InlineData("{\"stage\":\"a\",\"step\":1,\"x\":{}}")]
    [InlineData("{\"stage\":\"\\ud800\",\"step\":1,\"x\":1}")]
    public void What_is_no_row_is_counted_and_changes_nothing(string line)
    {
        var curves = new RunCurves();
        curves.Add(Encoding.UTF8.GetBytes(line));
        Assert.Empty(curves.All);
        Assert.Equal(1, curves.Refused);
    }
}
