namespace Rlhf.Training;

/// <summary>
/// Learning rate of each optimizer step. Steps count from 1: peak * s / warm-up up to the warm-up's last step (so ten warm-up
/// steps start at a tenth of the peak, as InstructGPT's PPO does). The first step after the warm-up has the peak; from there the shape falls towards the
/// minimum, which
/// it reaches one step after the last, so every step trains and a run of one step has the peak.
/// </summary>
/// <param name="Shape">How it goes on after the warm-up.</param>
/// <param name="Peak">Largest learning rate.</param>
/// <param name="Minimum">Learning rate after the last step; of no effect where it stays constant.</param>
/// <param name="WarmUpSteps">Steps of warm-up; 0 for none.</param>
/// <param name="TotalSteps">The last step.</param>
public sealed record LearningRateSchedule(ScheduleShape Shape, double Peak, double Minimum, long WarmUpSteps, long TotalSteps)
{
    /// <summary>The learning rate of step s = 1, 2, ...</summary>
    public double At(long step)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(step, 1);
        if (step <= WarmUpSteps)
        {
            return Peak * step / WarmUpSteps;
        }

        if (Shape == ScheduleShape.Constant)
        {
            return Peak;
        }

        if (step > TotalSteps)
        {
            return Minimum;
        }

        var progress = (double)(step - 1 - WarmUpSteps) / (TotalSteps - WarmUpSteps);
        var height = Shape == ScheduleShape.Cosine ? 0.5 * (1 + Math.Cos(Math.PI * progress)) : 1 - progress;
        return Minimum + (Peak - Minimum) * height;
    }
}
