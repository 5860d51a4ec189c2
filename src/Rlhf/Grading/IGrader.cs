using Rlhf.Reports;

namespace Rlhf.Grading;

/// <summary>Gives answers numbers: a rule, a reward model, a judge with a rubric, a program.</summary>
public interface IGrader : IDisposable
{
    /// <summary>A number for each answer [B], in their order. What rules and models give depends on the answer alone, whatever else is in the batch.</summary>
    /// <exception cref="RunFailedException">A judge or a program fails.</exception>
    float[] Grade(IReadOnlyList<GradedAnswer> answers, CancellationToken cancellation);

    /// <summary>What it took so far, for the stage's summary.</summary>
    IReadOnlyDictionary<string, Figure> Figures => new FigureTable();
}
