using System.Text.Json;
using Rlhf.Stages.Ppo;
using Rlhf.Stages.Pretrain;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;
using Rlhf.Tests.Objectives;
using Rlhf.Training;
using Rlhf.World;

namespace Rlhf.Tests.Training;

public class ScheduleAndKlTests
{
    private static LearningRateSchedule ScheduleOf(JsonElement settings, double? minimum = null) => new(
        ScheduleShape.Cosine, settings.Number("lr"), minimum ?? settings.Number("min_lr"), settings.GetProperty("warmup_steps").GetInt64(),
        settings.GetProperty("total_steps").GetInt64());

    [Fact]
    public void The_cosine_after_the_warm_up_is_that_of_nanogpt_and_of_hugging_face()
    {
        // Both number steps from 0. Their warm-ups differ: nanoGPT's does not reach the peak, Hugging Face's begins with a step of rate 0.
        var golden = Golden.Load("adamw.json")["lr_sequences"];
        var (warmUp, total) = (golden.GetProperty("warmup_steps").GetInt32(), golden.GetProperty("total_steps").GetInt32());
        var (nanoGpt, huggingFace) = (golden.Doubles("nanogpt_it_0_to_11"), golden.Doubles("huggingface_min_lr_0_step_0_to_11"));
        for (var step = warmUp + 1; step <= total; step++)
        {
            Assert.Equal(nanoGpt[step - 1], ScheduleOf(golden).At(step), 12);
            Assert.Equal(huggingFace[step - 1], ScheduleOf(golden, minimum: 0).At(step), 12);
        }
    }

    [Fact]
    public void The_warm_up_is_that_of_the_optimizer_fixture_whose_cosine_begins_a_step_earlier()
    {
        var golden = Golden.Load("adamw.json");
        var schedule = ScheduleOf(golden["schedule"]);
        foreach (var step in golden["steps"].EnumerateArray())
        {
            var s = step.GetProperty("step").GetInt64();
            Assert.Equal(step.Number("lr"), schedule.At(s > schedule.WarmUpSteps ? s + 1 : s), 12);
        }
    }

    [Theory]
    [InlineData(ScheduleShape.Linear)]
    [InlineData(ScheduleShape.Cosine)]
    public void The_first_step_after_the_warm_up_has_the_peak_and_the_last_is_above_the_minimum(ScheduleShape shape)
    {
        for (var warmUp = 0; warmUp <= 4; warmUp++)
        {
            for (var total = warmUp + 1; total <= 30; total++)
            {
                var schedule = new LearningRateSchedule(shape, 1, 0.1, warmUp, total);
                Assert.Equal(1, schedule.At(warmUp + 1));
                Assert.True(schedule.At(total) > 0.1 + 1e-4);
                Assert.Equal(0.1, schedule.At(total + 1));
            }
        }

        Assert.Equal(0.55, new LearningRateSchedule(ScheduleShape.Linear, 1, 0.1, 2, 10).At(7), 12);
    }

    [Fact]
    public void A_stage_of_one_step_trains_at_its_peak()
    {
        Assert.All(
            new TrainingOptions[] { new PretrainOptions(), new SftOptions(), new RewardOptions(), new PpoOptions { WarmUpSteps = 0 } },
            options => Assert.Equal(options.LearningRate, options.LearningRates(1).At(1)));
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
