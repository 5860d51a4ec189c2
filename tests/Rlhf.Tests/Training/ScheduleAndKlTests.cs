using Rlhf.Tests.Objectives;
using Rlhf.Training;

namespace Rlhf.Tests.Training;

public class ScheduleAndKlTests
{
    [Fact]
    public void The_cosine_with_warm_up_numbers_its_steps_as_the_reference()
    {
        var golden = Golden.Load("adamw.json")["lr_sequences"];
        var schedule = new LearningRateSchedule(
            ScheduleShape.Cosine, golden.Number("lr"), golden.Number("min_lr"), golden.GetProperty("warmup_steps").GetInt64(), golden.GetProperty("total_steps").GetInt64());
        var expected = golden.Doubles("this_fixture_s_1_to_12");
        for (var s = 1; s <= expected.Length; s++) Assert.Equal(expected[s - 1], schedule.At(s), 12);
    }

    [Fact]
    public void The_learning_rates_of_the_optimizer_fixture_come_out()
    {
        var golden = Golden.Load("adamw.json");
        var settings = golden["schedule"];
        var schedule = new LearningRateSchedule(
            ScheduleShape.Cosine, settings.Number("lr"), settings.Number("min_lr"), settings.GetProperty("warmup_steps").GetInt64(), settings.GetProperty("total_steps").GetInt64());
        foreach (var step in golden["steps"].EnumerateArray())
            Assert.Equal(step.Number("lr"), schedule.At(step.GetProperty("step").GetInt64()), 12);
    }

    [Fact]
    public void The_schedule_reaches_its_minimum_at_the_last_step_and_not_before()
    {
        foreach (var shape in new[] { ScheduleShape.Linear, ScheduleShape.Cosine })
        {
            var schedule = new LearningRateSchedule(shape, 1, 0.1, 2, 10);
            Assert.Equal(1, schedule.At(2));
            Assert.True(schedule.At(9) > 0.1 + 1e-3);
            Assert.Equal(0.1, schedule.At(10));
            Assert.Equal(0.1, schedule.At(11));
        }

        Assert.Equal(0.55, new LearningRateSchedule(ScheduleShape.Linear, 1, 0.1, 2, 10).At(6), 12);
    }

    [Fact]
    public void Ten_warm_up_steps_start_at_a_tenth_and_stay_constant_afterwards()
    {
        var schedule = new LearningRateSchedule(ScheduleShape.Constant, 2, 0, 10, 20);
        Assert.Equal(0.2, schedule.At(1), 12);
        Assert.Equal(2, schedule.At(10));
        Assert.Equal(2, schedule.At(1000));
        Assert.Equal(1, new LearningRateSchedule(ScheduleShape.Cosine, 1, 0, 0, 1_000_000).At(1), 6);
        Assert.Throws<ArgumentOutOfRangeException>(() => schedule.At(0));
    }

    [Fact]
    public void The_adaptive_coefficient_follows_the_reference()
    {
        var golden = Golden.Load("ppo.json")["adaptive_kl"];
        var adaptive = new AdaptiveKl(golden.Number("target"), golden.Number("horizon"));
        var coefficient = golden.Number("init_kl_coef");
        foreach (var step in golden.GetProperty("steps").EnumerateArray())
        {
            Assert.Equal(step.Number("kl_coef_before"), coefficient, 12);
            coefficient = adaptive.Next(coefficient, step.Number("observed_kl"), golden.GetProperty("n_steps_per_update").GetInt32());
            Assert.Equal(step.Number("kl_coef_after"), coefficient, 12);
        }
    }
}
