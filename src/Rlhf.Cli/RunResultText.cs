using System.Globalization;
using Rlhf.Reporting;

namespace Rlhf.Cli;

/// <summary>The figures of a run as lines for standard output: stage, figure, value, interval.</summary>
internal static class RunResultText
{
    public static void Write(RunSummary summary, TextWriter output)
    {
        foreach (var stage in summary.Stages)
        {
            foreach (var (name, figure) in stage.Figures)
            {
                output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{stage.Name}  {name}  {figure.Value:0.####}{Interval(figure)}"));
            }
        }

        foreach (var sentence in summary.Sentences)
        {
            output.WriteLine(sentence);
        }
    }

    private static string Interval(Figure figure) =>
        figure is { Low: { } low, High: { } high } ? string.Create(CultureInfo.InvariantCulture, $"  [{low:0.####}, {high:0.####}]") : "";
}
