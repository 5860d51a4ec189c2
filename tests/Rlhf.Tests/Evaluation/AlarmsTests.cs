using Rlhf.Evaluation;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public class AlarmsTests
{
    private static readonly AlarmOptions Options = new() { Kl = 10, LengthChange = 0.5, EntropyFall = 0.5, SecondModelWindow = 5 };

    [Theory]
    [InlineData(5)]
    [InlineData(1)]
    [InlineData(null)]
    public void The_last_step_alone_gives_the_alarms_of_the_whole_history(int? window)
    {
        var options = Options with { SecondModelWindow = window };
        var random = new Random(3);
        StepFigures[] steps = [.. Steps(60, (s, wobble) => new StepFigures(
            0, random.Next(12), 30 + (random.Next(3) * s), Math.Max(0.1, 1.7 - (0.03 * s)), (0.1 * s) + wobble, wobble - (0.05 * s), random.Next(4)))];
        var told = new HashSet<string>();
        var found = Enumerable.Range(1, steps.Length)
            .SelectMany(count => Alarms.AtLast([.. steps[..count]], options).Where(alarm => told.Add(alarm.Name))).ToArray();
        Assert.Equal(Alarms.Of(steps, options), found);
        Assert.True(found.Length > 2);
    }

    [Fact]
    public void A_steady_run_rings_no_alarm() =>
        Assert.Empty(Alarms.Of(Steps(30, (_, wobble) => new StepFigures(0, 5, 30 + wobble, 1.7, 1 + wobble, 1 - wobble)), Options));

    [Fact]
    public void Kl_rings_once_at_the_first_step_above_its_bound()
    {
        var alarm = Assert.Single(Alarms.Of(Steps(20, (s, _) => new StepFigures(0, s, 30, 1.7, 0)), Options));
        Assert.Equal(("kl", 11), (alarm.Name, alarm.Step));
        Assert.Contains("11.0 nats per answer, above the bound of 10", alarm.Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData(2)]
    [InlineData(-1)]
    public void Answers_that_grow_or_shrink_ring(int perStep)
    {
        var alarm = Assert.Single(Alarms.Of(Steps(25, (s, _) => new StepFigures(0, 1, 30 + perStep * s, 1.7, 0)), Options));
        Assert.Equal("length", alarm.Name);
        Assert.Contains(perStep > 0 ? "grown" : "shrunk", alarm.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void Falling_entropy_rings_and_rising_entropy_does_not()
    {
        Assert.Equal("entropy", Assert.Single(Alarms.Of(Steps(20, (s, _) => new StepFigures(0, 1, 30, 1.7 - 0.06 * s, 0)), Options)).Name);
        Assert.Empty(Alarms.Of(Steps(20, (s, _) => new StepFigures(0, 1, 30, 1.7 + 0.2 * s, 0)), Options));
    }

    [Fact]
    public void Two_evaluations_are_enough_where_nothing_is_averaged_over()
    {
        StepFigures[] evaluations = [new(0, 0, 30, 1.7, 0, 0), new(9, 1, 46, 0.8, 5, -5, 0)];
        var options = new DriftAlarmOptions();

        Assert.Equal([("length", 9L), ("entropy", 9L)], Alarms.Of(evaluations, options, smoothing: 1).Select(alarm => (alarm.Name, alarm.Step)));
        Assert.Equal(Alarms.Of(evaluations, options, smoothing: 1), Alarms.AtLast([.. evaluations], options, smoothing: 1));
        Assert.Empty(Alarms.Of(evaluations, options));
    }

    [Fact]
    public void A_second_model_that_falls_while_the_first_rises_rings()
    {
        var alarm = Assert.Single(Alarms.Of(Steps(20, (s, wobble) => new StepFigures(0, 1, 30, 1.7, 0.1 * s + wobble, -0.05 * s + wobble)), Options));
        Assert.Equal(("second_score", 10), (alarm.Name, alarm.Step));
        Assert.Contains("exploits the first model's errors", alarm.Message, StringComparison.Ordinal);
        Assert.Empty(Alarms.Of(Steps(20, (s, wobble) => new StepFigures(0, 1, 30, 1.7, 0.1 * s + wobble, 0.05 * s + wobble)), Options));
        Assert.Empty(Alarms.Of(Steps(20, (s, wobble) => new StepFigures(0, 1, 30, 1.7, 0.1 * s + wobble)), Options));
    }

    [Fact]
    public void Equal_scores_of_all_answers_of_a_step_are_an_alarm()
    {
        StepFigures[] steps =
            [new(1, 1, 30, 1.7, 2, ScoreDeviation: 0.3), new(2, 1, 30, 1.7, 2, ScoreDeviation: 0), new(3, 1, 30, 1.7, 2, ScoreDeviation: 0)];
        var alarm = Assert.Single(Alarms.Of(steps, new AlarmOptions()));
        Assert.Equal((2, "score_spread"), (alarm.Step, alarm.Name));
        Assert.Contains("same score", alarm.Message, StringComparison.Ordinal);
        Assert.Empty(Alarms.Of(steps, new AlarmOptions { ScoreSpread = null }));
        Assert.Empty(Alarms.Of(steps[..1], new AlarmOptions()));
    }

    [Fact]
    public void A_bound_of_none_is_not_watched()
    {
        var none = new AlarmOptions { Kl = null, LengthChange = null, EntropyFall = null, SecondModelWindow = null };
        Assert.Empty(Alarms.Of(Steps(20, (s, _) => new StepFigures(0, 100 * s, 30 * s, 2.0 / s, s, -s)), none));
    }

    // Steps 1, 2, ...; wobble is a small fixed noise.
    private static List<StepFigures> Steps(int count, Func<int, double, StepFigures> figures) =>
        [.. Enumerable.Range(1, count).Select(s => figures(s, 0.02 * (s * 7 % 5 - 2)) with { Step = s })];
}
