namespace Rlhf.Reports.Page;

/// <summary>The main figures with their intervals as cards, then every figure of every stage in a table.</summary>
internal static class FiguresSection
{
    /// <param name="summary">The run.</param>
    /// <param name="reports">What each kind of stage shows, what matters most first.</param>
    public static Markup Draw(RunSummary summary, IReadOnlyList<(string Kind, StageReport Report)> reports)
    {
        var cards = reports.SelectMany(own => Cards(summary.Stages.LastOrDefault(stage => stage.Kind == own.Kind), own.Report.Cards)).ToArray();
        var tables = reports.Select(own => (own.Report, Stages: summary.Stages.Where(stage => stage.Kind == own.Kind).ToArray()))
            .Where(own => own.Stages.Length > 0).Select(own => own.Report.Table(own.Stages));
        return cards.Length == 0 && summary.Stages.All(stage => stage.Figures.Count == 0)
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="figures"><h2>Figures</h2><div class="cards">{cards}</div>{tables}
                <details><summary>All figures of all stages</summary><div class="wide" tabindex="0" role="group" aria-label="All figures"><table><thead><tr><th scope="col">stage</th><th scope="col">figure</th>
                <th scope="col">value</th><th scope="col">95 % interval</th><th scope="col">meaning</th></tr></thead><tbody>
                {summary.Stages.SelectMany(Rows)}</tbody></table></div></details></section>

                """);
    }

    private static IEnumerable<Markup> Cards(StageSummary? stage, IReadOnlyList<FigureCard> cards) =>
        from card in cards
        let figure = stage?.Of(card.Figure)
        where figure is not null
        select Card(stage!, card, figure);

    private static Markup Card(StageSummary stage, FigureCard card, Figure figure)
    {
        var before = card.Before is { } other && stage.Of(other) is { } old ? Markup.Of($"""<small>before: {NumberText.Of(old)}</small>""") : Markup.Empty;
        return Markup.Of(
            $"""<div class="card"><span>{card.Figure.Name}</span><b>{NumberText.Of(figure)}</b><small>{NumberText.IntervalOf(figure)}</small>{before}<small class="meaning">{card.Figure.Meaning}</small><small class="where">{stage.Name}</small></div>""");
    }

    private static IEnumerable<Markup> Rows(StageSummary stage) =>
        from pair in stage.Figures
        let metric = MetricCatalogue.Of(pair.Key)
        select Markup.Of(
            $"""<tr><td>{stage.Name}</td><td>{metric.Name}</td><td class="number">{NumberText.Of(pair.Value)}</td><td>{NumberText.IntervalOf(pair.Value)}</td><td>{metric.Meaning}</td></tr>""");
}
