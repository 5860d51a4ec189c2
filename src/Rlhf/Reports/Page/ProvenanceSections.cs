namespace Rlhf.Reports.Page;

/// <summary>Where the result comes from: ledgers of the data, lineage of the models, content hashes, recipe and environment.</summary>
internal static class ProvenanceSections
{
    public static Markup Draw(ReportSource source, Markup rounds) =>
        Markup.Join([Ledgers(source), rounds, Lineage(source.Summary), Data(source.Summary), Setup(source)]);

    private static Markup Ledgers(ReportSource source) => source.Ledgers.Count == 0
        ? Markup.Empty
        : Markup.Of(
            $"""
            <section id="ledger"><h2>Ledger of the data</h2><details><summary>What became of every row: kept, cut, dropped, and why</summary>{source.Ledgers.Select(ledger => Markup.Of($"<h3>{ledger.Stage}</h3>{LedgerView.Draw(ledger.Ledger)}"))}</details></section>

            """);

    private static Markup Lineage(RunSummary summary) => summary.Stages.All(stage => stage.Inputs.Count == 0 && stage.ModelHash is null)
        ? Markup.Empty
        : Markup.Of(
            $"""
            <section id="lineage"><h2>Lineage of the models</h2><details><summary>Which model came from which</summary><div class="wide" tabindex="0" role="group" aria-label="Models"><table><thead><tr><th scope="col">stage</th><th scope="col">round</th><th scope="col">from</th>
            <th scope="col">model it wrote, SHA-256</th><th scope="col">steps</th><th scope="col">time</th></tr></thead><tbody>{summary.Stages.Select(Row)}</tbody></table></div></details></section>

            """);

    private static Markup Row(StageSummary stage) => Markup.Of(
        $"""<tr><th scope="row">{stage.Name}</th><td class="number">{stage.Round}</td><td>{stage.Inputs.Select(Input)}</td><td>{Hash(stage.ModelHash)}</td><td class="number">{NumberText.Short(stage.Steps)}</td><td class="number">{Durations.Short(stage.Seconds)}</td></tr>""");

    private static Markup Input(ModelLink link) =>
        Markup.Of($"""<div>{link.Role.Replace('_', ' ')}: {PathText.Of(link.Source)} {Hash(link.Hash, letters: 8)}</div>""");

    public static Markup Hash(string? hash, int letters = 16) => hash is null
        ? Markup.Empty
        : Markup.Of($"""<code title="{hash}">{hash[..Math.Min(letters, hash.Length)]}</code>""");

    private static Markup Data(RunSummary summary) => summary.Stages.All(stage => stage.DataHashes.Count == 0)
        ? Markup.Empty
        : Markup.Of(
            $"""
            <section id="data"><h2>Content hashes of the data</h2><details><summary>Every file that was read</summary><div class="wide" tabindex="0" role="group" aria-label="Files"><table><thead><tr><th scope="col">stage</th><th scope="col">file</th><th scope="col">SHA-256</th></tr></thead><tbody>
            {summary.Stages.SelectMany(stage => stage.DataHashes.Select(pair => Markup.Of($"""<tr><td>{stage.Name}</td><td dir="auto">{PathText.Of(pair.Key)}</td><td><code class="hash">{pair.Value}</code></td></tr>""")))}
            </tbody></table></div></details></section>

            """);

    private static Markup Setup(ReportSource source)
    {
        var recipe = source.Recipe is { } text
            ? Markup.Of($"""<details><summary>recipe.yaml, every default written out</summary><pre dir="auto">{PathText.Shorten(text)}</pre></details>""")
            : Markup.Empty;
        var environment = source.Environment is { } value
            ? Markup.Of($"<details><summary>Environment</summary>{JsonView.Draw(value)}</details>")
            : Markup.Empty;
        return recipe.IsEmpty && environment.IsEmpty
            ? Markup.Empty
            : Markup.Of($"""<section id="setup"><h2>Recipe and environment</h2>{recipe}{environment}</section>""");
    }
}
