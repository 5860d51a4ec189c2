namespace Rlhf.Reports.Page;

/// <summary>The main figures with their intervals as cards, then every figure of every stage in a table.</summary>
internal static class FiguresSection
{
    private static readonly (string Kind, string[] Figures)[] Main =
    [
        ("ppo", [FigureNames.GoldScore, FigureNames.Score, FigureNames.SecondScore, FigureNames.Kl, FigureNames.WinRate, FigureNames.EosShare]),
        ("reward", [FigureNames.Accuracy]),
        ("sft", [FigureNames.ValidationLoss]),
        ("pretrain", [FigureNames.ValidationLoss]),
    ];

    private static readonly Dictionary<string, string> Before = new()
    {
        [FigureNames.GoldScore] = FigureNames.SftGoldScore,
        [FigureNames.Score] = FigureNames.SftScore,
        [FigureNames.SecondScore] = FigureNames.SftSecondScore,
        [FigureNames.ValidationLoss] = FigureNames.ValidationLossBefore,
        [FigureNames.ResponseLength] = FigureNames.SftResponseLength,
    };

    public static Markup Draw(RunSummary summary)
    {
        var cards = Main.SelectMany(main => Cards(summary.Stages.LastOrDefault(stage => stage.Kind == main.Kind), main.Figures)).ToArray();
        return cards.Length == 0 && summary.Stages.All(stage => stage.Figures.Count == 0)
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="figures"><h2>Figures</h2><div class="cards">{cards}</div>{QualityTable(summary)}
                <details><summary>All figures of all stages</summary><div class="wide"><table><thead><tr><th scope="col">stage</th><th scope="col">figure</th>
                <th scope="col">value</th><th scope="col">95 % interval</th><th scope="col">meaning</th></tr></thead><tbody>
                {summary.Stages.SelectMany(Rows)}</tbody></table></div></details></section>

                """);
    }

    private static IEnumerable<Markup> Cards(StageSummary? stage, string[] figures) => figures
        .Where(name => stage?.Figures.ContainsKey(name) == true)
        .Select(name => Card(stage!, name, stage!.Figures[name]));

    private static Markup Card(StageSummary stage, string name, Figure figure)
    {
        var before = Before.TryGetValue(name, out var other) && stage.Figures.TryGetValue(other, out var old)
            ? Markup.Of($"""<small>before: {NumberText.Of(old)}</small>""")
            : Markup.Empty;
        return Markup.Of(
            $"""<div class="card" title="{Glossary.MeaningOf(name)}"><span>{Glossary.NameOf(name)}</span><b>{NumberText.Of(figure)}</b><small>{NumberText.IntervalOf(figure)}</small>{before}<small class="where">{stage.Name}</small></div>""");
    }

    // Base, SFT and PPO of every round, one under another.
    private static Markup QualityTable(RunSummary summary)
    {
        var ppo = summary.Stages.Where(stage => stage.Kind == "ppo").ToArray();
        if (ppo.Length == 0)
        {
            return Markup.Empty;
        }

        var gold = ppo.Any(stage => stage.Figures.ContainsKey(FigureNames.GoldScore));
        var rows = new List<Markup>
        {
            QualityRow("base", ppo[0], gold, FigureNames.BaseGoldScore, FigureNames.BaseScore, null),
            QualityRow("SFT", ppo[0], gold, FigureNames.SftGoldScore, FigureNames.SftScore, null),
        };
        rows.AddRange(ppo.Select(stage => QualityRow(
            ppo.Length > 1 ? $"PPO, round {stage.Round}" : "PPO", stage, gold, FigureNames.GoldScore, FigureNames.Score, FigureNames.Kl)));
        return Markup.Of(
            $"""
            <div class="wide"><table class="quality"><caption>Answers to the same held-out prompts</caption><thead><tr><th scope="col">model</th>
            {(gold ? Markup.Literal("""<th scope="col">gold quality</th>""") : Markup.Empty)}<th scope="col">reward-model score</th><th scope="col">KL to SFT, nats</th></tr></thead>
            <tbody>{rows}</tbody></table></div>{(ppo.Length > 1 ? Markup.Of($"""<p class="note">{FinalTables.AcrossRounds}</p>""") : Markup.Empty)}
            """);
    }

    private static Markup QualityRow(string model, StageSummary stage, bool gold, string goldName, string scoreName, string? kl)
    {
        var (truth, score) = (stage.Figures.GetValueOrDefault(goldName), stage.Figures.GetValueOrDefault(scoreName));
        if (truth is null && score is null)
        {
            return Markup.Empty;
        }

        var distance = kl is null ? null : stage.Figures.GetValueOrDefault(kl);
        return Markup.Of($"""<tr><th scope="row">{model}</th>{(gold ? Value(truth) : Markup.Empty)}{Value(score)}{Value(distance)}</tr>""");
    }

    private static Markup Value(Figure? figure) => figure is null
        ? Markup.Literal("<td></td>")
        : Markup.Of($"""<td class="number">{NumberText.Fixed(figure.Value)} <small>{NumberText.IntervalOf(figure)}</small></td>""");

    private static IEnumerable<Markup> Rows(StageSummary stage) => stage.Figures.Select(pair => Markup.Of(
        $"""<tr><td>{stage.Name}</td><td>{Glossary.NameOf(pair.Key)}</td><td class="number">{NumberText.Of(pair.Value)}</td><td>{NumberText.IntervalOf(pair.Value)}</td><td>{Glossary.MeaningOf(pair.Key)}</td></tr>"""));
}
