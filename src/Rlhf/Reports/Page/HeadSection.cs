using System.Globalization;

namespace Rlhf.Reports.Page;

/// <summary>The run's name and, before everything else, what came out in plain English.</summary>
internal static class HeadSection
{
    public static Markup Draw(RunSummary summary) => Markup.Of(
        $"""
        <header><p class="kind">RLHF.NET run report</p><h1 dir="auto">{summary.Name}</h1><p class="meta">{string.Join(" · ", Facts(summary))}</p></header>
        <section id="summary"><h2>What came out</h2>
        {summary.Sentences.Select(Sentence)}
        </section>

        """);

    private static Markup Sentence(string sentence) => sentence.StartsWith(StageReport.WarningPrefix, StringComparison.Ordinal)
        ? Markup.Of($"""<p class="warning" dir="auto"><strong>Warning</strong> {sentence[StageReport.WarningPrefix.Length..]}</p>""")
        : Markup.Of($"""<p class="lead" dir="auto">{sentence}</p>""");

    private static IEnumerable<string> Facts(RunSummary summary)
    {
        if (summary.Started is { } started)
        {
            yield return started.UtcDateTime.ToString("yyyy-MM-dd HH:mm", CultureInfo.InvariantCulture) + " UTC";
        }

        yield return Durations.Short(summary.Seconds);
        yield return summary.Stages.Count == 1 ? "1 stage" : $"{summary.Stages.Count} stages";
        if (summary.Seed is { } seed)
        {
            yield return string.Create(CultureInfo.InvariantCulture, $"seed {seed}");
        }

        if (summary.Program is { } program)
        {
            yield return program;
        }
    }
}
