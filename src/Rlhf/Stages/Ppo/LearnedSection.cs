using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Stages.Ppo;

/// <summary>What PPO learned: the words and phrases that rose and fell, and what is left of the gain without them.</summary>
internal static class LearnedSection
{
    private const int Open = 4;

    public static Markup Draw(IReadOnlyList<StageSummary> summaries)
    {
        var stages = summaries.Where(stage => stage.Learned is not null).Reverse().ToArray();
        return stages.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="learned"><h2>What PPO learned</h2>
                {stages.Select((stage, i) => i == 0 ? Stage(stage, stage.Learned!) : Markup.Of($"<details><summary>{stage.Name}</summary>{Stage(stage, stage.Learned!)}</details>"))}</section>

                """);
    }

    private static Markup Stage(StageSummary stage, LearnedReport learned) => Markup.Of(
        $"""
        <p class="{(learned.Verdict is LearnedVerdict.RewardHack ? "warning" : "lead")}" dir="auto">{(learned.Verdict is LearnedVerdict.GainHolds ? Markup.Literal("<strong>The gain holds.</strong> ") : Markup.Empty)}{learned.Summary}</p>
        <p class="note">{stage.Name}, {learned.Ppo.Answers} answers of PPO against {learned.Sft.Answers} of the SFT model, same held-out prompts.</p>
        <div class="pair">{Phrases("Rose most", "rose", learned.Risen)}{Phrases("Fell most", "fell", learned.Fallen)}</div>
        <details><summary>What is left of the gain without these words; finished and cut answers; length</summary>{Ablations(learned)}{Answers(learned)}</details>
        """);

    private static Markup Phrases(string title, string style, IReadOnlyList<PhraseChange> changes)
    {
        if (changes.Count == 0)
        {
            return Markup.Empty;
        }

        var more = changes.Count > Open
            ? Markup.Of($"<details><summary>{changes.Count - Open} more</summary>{Table(style, changes.Skip(Open))}</details>")
            : Markup.Empty;
        return Markup.Of(
            $"""<div><h3>{title}</h3>{Table(style, changes.Take(Open))}{more}<p class="note">Share of the answers that hold it; z: the change in standard errors.</p></div>""");
    }

    private static Markup Table(string style, IEnumerable<PhraseChange> changes) => Markup.Of(
        $"""
        <div class="wide" tabindex="0" role="group" aria-label="Words and phrases"><table><thead><tr><th scope="col">word or phrase</th><th scope="col">SFT</th><th scope="col">PPO</th><th scope="col">z</th></tr></thead><tbody>
        {changes.Select(change => Markup.Of($"""<tr><td><span class="phrase {style}" dir="auto">{change.Phrase}</span></td><td class="number">{NumberText.Percent(change.ShareBefore)}</td><td class="number">{NumberText.Percent(change.ShareAfter)}</td><td class="number">{NumberText.Fixed(change.ZScore, sign: true, decimals: 1)}</td></tr>"""))}
        </tbody></table></div>
        """);

    private static Markup Ablations(LearnedReport learned)
    {
        if (learned.Ablations.Count == 0)
        {
            return Markup.Empty;
        }

        var second = learned.Ppo.SecondScore is not null;
        var all = learned.Together is { } together ? learned.Ablations.Append(together) : learned.Ablations;
        return Markup.Of(
            $"""
            <h3>The same answers with words taken out, scored again</h3><div class="wide" tabindex="0" role="group" aria-label="Words taken out"><table><thead><tr><th scope="col">taken out</th><th scope="col">score</th>
            {(second ? Markup.Literal("""<th scope="col">second score</th>""") : Markup.Empty)}<th scope="col">gain lost</th><th scope="col">gain lost with as many other words</th><th scope="col">answers changed</th></tr></thead><tbody>
            {PlainRow("nothing (PPO)", learned.Ppo, second)}{all.Select(ablation => Row(ablation, second))}{PlainRow("(SFT, for comparison)", learned.Sft, second)}</tbody></table></div>
            """);
    }

    private static Markup PlainRow(string name, AnswerFigures figures, bool second) => Markup.Of(
        $"""<tr><td>{name}</td>{Score(figures.Score)}{(second ? Score(figures.SecondScore) : Markup.Empty)}<td></td><td></td><td></td></tr>""");

    private static Markup Row(Ablation ablation, bool second) => Markup.Of(
        $"""<tr><td>{ablation.Phrases.Select((phrase, i) => Markup.Of($"""{(i == 0 ? "" : ", ")}<span class="phrase" dir="auto">{phrase}</span>"""))}</td>{Score(ablation.Score)}{(second ? Score(ablation.SecondScore) : Markup.Empty)}{Share(ablation.GainLost)}{Share(ablation.ControlGainLost)}{Share(ablation.ChangedShare)}</tr>""");

    private static Markup Answers(LearnedReport learned) => Markup.Of(
        $"""
        <h3>Finished answers, cut answers, length</h3><div class="wide" tabindex="0" role="group" aria-label="Finished and cut answers"><table><thead><tr><th scope="col">model</th><th scope="col">score</th><th scope="col">finished</th><th scope="col">cut at the limit</th>
        <th scope="col">cut answers</th><th scope="col">tokens</th><th scope="col">score–length correlation</th><th scope="col">finished only</th></tr></thead><tbody>
        {Row("SFT", learned.Sft)}{Row("PPO", learned.Ppo)}</tbody></table></div>
        """);

    private static Markup Row(string name, AnswerFigures figures) => Markup.Of(
        $"""<tr><th scope="row">{name}</th>{Score(figures.Score)}{Score(figures.FinishedScore)}{Score(figures.CutScore)}{Share(figures.Answers == 0 ? null : (double)figures.Cut / figures.Answers)}<td class="number">{NumberText.Fixed(figures.Tokens, decimals: 1)}</td>{Score(figures.LengthCorrelation)}{Score(figures.FinishedLengthCorrelation)}</tr>""");

    private static Markup Score(double? score) => Markup.Of($"""<td class="number">{(score is { } value ? NumberText.Fixed(value, sign: true) : "–")}</td>""");

    private static Markup Share(double? share) => Markup.Of($"""<td class="number">{(share is { } value ? NumberText.Percent(value) : "–")}</td>""");
}
