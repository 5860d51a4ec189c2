namespace Rlhf.Reports;

/// <summary>A figure in front, and what it was before the stage.</summary>
/// <param name="Figure">The figure.</param>
/// <param name="Before">The figure to compare it with; null for none.</param>
internal sealed record FigureCard(Metric Figure, Metric? Before = null);

/// <summary>A section of the report page.</summary>
/// <param name="Id">Its anchor.</param>
/// <param name="Name">Its name in the contents.</param>
/// <param name="Content">Its HTML; empty where the run has nothing for it.</param>
internal sealed record ReportSection(string Id, string Name, Markup Content);

/// <summary>What a kind of stage shows of its results: on the page, in the final tables, in sentences. A stage that shows nothing of its own needs none of
/// it.</summary>
internal abstract class StageReport
{
    /// <summary>How a sentence that is a warning begins.</summary>
    public const string WarningPrefix = "Warning: ";

    /// <summary>Judgements of fewer prompts than this are said to be of few.</summary>
    public const int FewPrompts = 30;

    /// <summary>Figures as cards at the top of the page.</summary>
    public virtual IReadOnlyList<FigureCard> Cards => [];

    /// <summary>Figures in the final table and in comparisons of runs.</summary>
    public virtual IReadOnlyList<Metric> MainFigures => [];

    /// <summary>A metric whose largest value stands in comparisons of runs; null for none.</summary>
    public virtual Metric? WorstOf => null;

    /// <summary>Says in plain English what came out of a stage.</summary>
    /// <param name="stage">Its summary.</param>
    /// <param name="round"> <c> in round 2</c>, or empty where there is one round.</param>
    public virtual IEnumerable<string> Sentences(StageSummary stage, string round) => [];

    /// <summary>A table beneath the cards, of all stages of this kind; empty for none.</summary>
    public virtual Markup Table(IReadOnlyList<StageSummary> stages) => Markup.Empty;

    /// <summary>The same on standard output.</summary>
    public virtual void WriteTable(TextWriter output, IReadOnlyList<StageSummary> stages)
    {
    }

    /// <summary>Sections of its own, of all stages of this kind.</summary>
    public virtual IReadOnlyList<ReportSection> Sections(IReadOnlyList<StageSummary> stages) => [];

    /// <summary>That an interval goes by few prompts.</summary>
    internal static string ByPrompts(string what, double prompts, double answers) =>
        $"{what} is judged on few prompts: the interval goes by {NumberText.Short(prompts)} prompts, not by their {NumberText.Short(answers)} answers, since answers to one prompt are alike.";

    /// <summary>An interval in a sentence; empty for a figure without.</summary>
    internal static string Interval(Figure figure) =>
        figure is { Low: { } low, High: { } high } ? $" [{NumberText.Fixed(low)}, {NumberText.Fixed(high)}]" : "";

    /// <summary>A message as part of a sentence.</summary>
    internal static string Clause(string message) => message.TrimEnd('.', ' ');
}
