namespace Rlhf.Evaluation;

/// <summary>What the alarms look at in one PPO step.</summary>
/// <param name="Step">PPO step.</param>
/// <param name="Kl">KL to the reference in nats per answer.</param>
/// <param name="ResponseLength">Mean answer length in tokens.</param>
/// <param name="Entropy">Mean entropy per token in nats.</param>
/// <param name="Score">Mean score by the reward model that PPO follows.</param>
/// <param name="SecondScore">Mean score by the second reward model, if there is one.</param>
/// <param name="ScoreDeviation">Standard deviation of the scores of the step's answers, where it is known.</param>
public sealed record PpoStepFigures(
    long Step, double Kl, double ResponseLength, double Entropy, double Score, double? SecondScore = null, double? ScoreDeviation = null);

/// <summary>An alarm of a PPO run.</summary>
/// <param name="Step">The step at which it went off.</param>
/// <param name="Name"><c>kl</c>, <c>length</c>, <c>entropy</c>, <c>second_score</c> or <c>score_spread</c>.</param>
/// <param name="Message">What happened, with numbers, for a person.</param>
public sealed record Alarm(long Step, string Name, string Message);

/// <summary>
/// Alarms over the history of a PPO run: a pure function of the steps so far, so a resumed run gives the same ones. Each alarm goes off at most
/// once, at the first step that gives cause. Length and entropy are means of the latest <see cref="Smoothing"/> steps against the first ones.
/// </summary>
public static class Alarms
{
    /// <summary>Steps that length and entropy are averaged over.</summary>
    public const int Smoothing = 3;

    // How many standard errors apart two windows' means must be to count as risen or fallen.
    private const double Significance = 2;

    /// <summary>The alarms that have gone off up to the last step, in order of their steps.</summary>
    public static IReadOnlyList<Alarm> Of(IReadOnlyList<PpoStepFigures> history, AlarmOptions options)
    {
        var alarms = new List<Alarm>();
        PpoStepFigures[] steps = [.. history];
        for (var count = 1; count <= steps.Length; count++)
        {
            foreach (var alarm in At(new ArraySegment<PpoStepFigures>(steps, 0, count), options))
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
    internal static IEnumerable<Alarm> AtLast(List<PpoStepFigures> history, AlarmOptions options)
    {
        // Only the first steps and two windows at the end are looked at: as few are copied.
        var recent = Math.Max(2 * (options.SecondModelWindow ?? 0), Smoothing);
        return history.Count <= Smoothing + recent
            ? At(history.ToArray(), options)
            : At((PpoStepFigures[])[.. history[..Smoothing], .. history[^recent..]], options);
    }

    private static IEnumerable<Alarm> At(ArraySegment<PpoStepFigures> history, AlarmOptions options) =>
        new[] { Kl(history[^1], options.Kl), Length(history, options.LengthChange), Entropy(history, options.EntropyFall), SecondModel(history,
            options.SecondModelWindow), Spread(history[^1], options.ScoreSpread) }
            .OfType<Alarm>();

    private static Alarm? Kl(PpoStepFigures now, double? bound) => now.Kl > bound
        ? new Alarm(
            now.Step, "kl",
            Text($"KL to the SFT model is {now.Kl:0.0} nats per answer, above the bound of {bound:0.##}: the policy has gone far from what the reward model was trained on, and its scores mean less there."))
        : null;

    private static Alarm? Spread(PpoStepFigures now, double? bound) => now.ScoreDeviation <= bound
        ? new Alarm(
            now.Step, "score_spread",
            Text($"All answers of the step have the same score ({now.Score:0.###}; standard deviation {now.ScoreDeviation:0.##e-0}): the reward model tells none from another, and there is nothing to learn from it."))
        : null;

    private static Alarm? Length(ArraySegment<PpoStepFigures> history, double? bound)
    {
        if (!Drift(history, f => f.ResponseLength, out var first, out var now) || !(Math.Abs(now / first - 1) > bound))
        {
            return null;
        }

        return new Alarm(
            history[^1].Step, "length",
            Text($"Answers have {(now > first ? "grown" : "shrunk")} from {first:0.0} to {now:0.0} tokens: see whether the score follows length rather than quality."));
    }

    private static Alarm? Entropy(ArraySegment<PpoStepFigures> history, double? bound)
    {
        if (!Drift(history, f => f.Entropy, out var first, out var now) || !(1 - now / first > bound))
        {
            return null;
        }

        return new Alarm(
            history[^1].Step, "entropy",
            Text($"Entropy per token has fallen from {first:0.00} to {now:0.00} nats: the policy is collapsing onto few answers. A smaller learning rate or a larger KL coefficient holds it."));
    }

    // The latest window against the one before it, by both reward models.
    private static Alarm? SecondModel(ArraySegment<PpoStepFigures> history, int? window)
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

    private static bool Drift(ArraySegment<PpoStepFigures> history, Func<PpoStepFigures, double> figure, out double first, out double now)
    {
        first = history[..Math.Min(Smoothing, history.Count)].Average(figure);
        now = history[Math.Max(0, history.Count - Smoothing)..].Average(figure);
        return history.Count >= 2 * Smoothing && first > 0;
    }

    private static (double Difference, double Errors) Change(
        ArraySegment<PpoStepFigures> before, ArraySegment<PpoStepFigures> after, Func<PpoStepFigures, double> figure)
    {
        double x = before.Average(figure), y = after.Average(figure);
        var squares = before.Sum(f => (figure(f) - x) * (figure(f) - x)) + after.Sum(f => (figure(f) - y) * (figure(f) - y));
        var error = Math.Sqrt(squares / (before.Count - 1 + after.Count - 1) * (1.0 / before.Count + 1.0 / after.Count));
        return (y - x, (y - x) / Math.Max(error, double.Epsilon));
    }

    private static string Text(FormattableString text) => FormattableString.Invariant(text);
}
