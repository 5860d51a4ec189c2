namespace Rlhf.Evaluation;

/// <summary>What the alarms look at: in one step of PPO, or in one evaluation.</summary>
/// <param name="Step">The step.</param>
/// <param name="Kl">KL to the reference in nats per answer.</param>
/// <param name="ResponseLength">Mean answer length in tokens.</param>
/// <param name="Entropy">Mean entropy per token in nats.</param>
/// <param name="Score">Mean score by what the policy follows.</param>
/// <param name="SecondScore">Mean score by the second reward model, if there is one.</param>
/// <param name="ScoreDeviation">Standard deviation of the scores of the step's answers, where it is known.</param>
public sealed record StepFigures(
    long Step, double Kl, double ResponseLength, double Entropy, double Score, double? SecondScore = null, double? ScoreDeviation = null);

/// <summary>An alarm of a run.</summary>
/// <param name="Step">The step at which it went off.</param>
/// <param name="Name"><c>kl</c>, <c>length</c>, <c>entropy</c>, <c>second_score</c> or <c>score_spread</c>.</param>
/// <param name="Message">What happened, with numbers, for a person.</param>
public sealed record Alarm(long Step, string Name, string Message);

/// <summary>
/// Alarms over the history of a run: a pure function of the steps so far, so a resumed run gives the same ones. Each alarm goes off at most
/// once, at the first step that gives cause. Length and entropy are means of the latest steps against as many first ones: <see cref="Smoothing"/> of them,
/// or one where each has many answers.
/// </summary>
public static class Alarms
{
    /// <summary>Steps of PPO that length and entropy are averaged over.</summary>
    public const int Smoothing = 3;

    // How many standard errors apart two windows' means must be to count as risen or fallen.
    private const double Significance = 2;

    /// <summary>The alarms that have gone off up to the last step, in order of their steps.</summary>
    public static IReadOnlyList<Alarm> Of(IReadOnlyList<StepFigures> history, DriftAlarmOptions options, int smoothing = Smoothing)
    {
        var alarms = new List<Alarm>();
        StepFigures[] steps = [.. history];
        for (var count = 1; count <= steps.Length; count++)
        {
            foreach (var alarm in At(new ArraySegment<StepFigures>(steps, 0, count), options, smoothing))
            {
                if (alarms.TrueForAll(a => a.Name != alarm.Name))
                {
                    alarms.Add(alarm);
                }
            }
        }

        return alarms;
    }

    /// <summary>The alarms for which the last step gives cause, those that went off before included.</summary>
    internal static IEnumerable<Alarm> AtLast(List<StepFigures> history, DriftAlarmOptions options, int smoothing = Smoothing)
    {
        // Only the first steps and two windows at the end are looked at: as few are copied.
        var recent = Math.Max(2 * ((options as AlarmOptions)?.SecondModelWindow ?? 0), smoothing);
        return history.Count <= smoothing + recent
            ? At(history.ToArray(), options, smoothing)
            : At((StepFigures[])[.. history[..smoothing], .. history[^recent..]], options, smoothing);
    }

    private static IEnumerable<Alarm> At(ArraySegment<StepFigures> history, DriftAlarmOptions options, int smoothing)
    {
        var ofSteps = options as AlarmOptions;
        return new[]
        {
            Kl(history[^1], options.Kl), Length(history, options.LengthChange, smoothing), Entropy(history, options.EntropyFall, smoothing),
            SecondModel(history, ofSteps?.SecondModelWindow), Spread(history[^1], ofSteps?.ScoreSpread),
        }.OfType<Alarm>();
    }

    private static Alarm? Kl(StepFigures now, double? bound) => now.Kl > bound
        ? new Alarm(
            now.Step, "kl",
            Text($"KL to the SFT model is {now.Kl:0.0} nats per answer, above the bound of {bound:0.##}: the policy has gone far from what the reward model was trained on, and its scores mean less there."))
        : null;

    private static Alarm? Spread(StepFigures now, double? bound) => now.ScoreDeviation <= bound
        ? new Alarm(
            now.Step, "score_spread",
            Text($"All answers of the step have the same score ({now.Score:0.###}; standard deviation {now.ScoreDeviation:0.##e-0}): the reward model tells none from another, and there is nothing to learn from it."))
        : null;

    private static Alarm? Length(ArraySegment<StepFigures> history, double? bound, int smoothing)
    {
        if (!Drift(history, smoothing, f => f.ResponseLength, out var first, out var now) || !(Math.Abs(now / first - 1) > bound))
        {
            return null;
        }

        return new Alarm(
            history[^1].Step, "length",
            Text($"Answers have {(now > first ? "grown" : "shrunk")} from {first:0.0} to {now:0.0} tokens: see whether the score follows length rather than quality."));
    }

    private static Alarm? Entropy(ArraySegment<StepFigures> history, double? bound, int smoothing)
    {
        if (!Drift(history, smoothing, f => f.Entropy, out var first, out var now) || !(1 - now / first > bound))
        {
            return null;
        }

        return new Alarm(
            history[^1].Step, "entropy",
            Text($"Entropy per token has fallen from {first:0.00} to {now:0.00} nats: the policy is collapsing onto few answers. A smaller learning rate, or a larger KL coefficient where there is one, holds it."));
    }

    // The latest window against the one before it, by both reward models.
    private static Alarm? SecondModel(ArraySegment<StepFigures> history, int? window)
    {
        if (window is not { } steps || history.Count < 2 * steps || history[^(2 * steps)..].Any(f => f.SecondScore is null))
        {
            return null;
        }

        var (before, after) = (history[^(2 * steps)..^steps], history[^steps..]);
        var first = Change(before, after, f => f.Score);
        var second = Change(before, after, f => f.SecondScore!.Value);
        if (!(first.Errors > Significance && second.Errors < -Significance))
        {
            return null;
        }

        return new Alarm(
            history[^1].Step, "second_score",
            Text($"Over the last {steps} steps the reward model's score rose by {first.Difference:0.00} while a second reward model's fell by {-second.Difference:0.00} (against the {steps} steps before): the policy exploits the first model's errors."));
    }

    private static bool Drift(
        ArraySegment<StepFigures> history, int smoothing, Func<StepFigures, double> figure, out double first, out double now)
    {
        first = history[..Math.Min(smoothing, history.Count)].Average(figure);
        now = history[Math.Max(0, history.Count - smoothing)..].Average(figure);
        return history.Count >= 2 * smoothing && first > 0;
    }

    private static (double Difference, double Errors) Change(
        ArraySegment<StepFigures> before, ArraySegment<StepFigures> after, Func<StepFigures, double> figure)
    {
        double x = before.Average(figure), y = after.Average(figure);
        var squares = before.Sum(f => (figure(f) - x) * (figure(f) - x)) + after.Sum(f => (figure(f) - y) * (figure(f) - y));
        var error = Math.Sqrt(squares / (before.Count - 1 + after.Count - 1) * (1.0 / before.Count + 1.0 / after.Count));
        return (y - x, (y - x) / Math.Max(error, double.Epsilon));
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
