using Rlhf.Reports;

namespace Rlhf.Stages;

/// <summary>The same prompts answered by base, SFT and a policy, side by side.</summary>
internal static class AnswersSection
{
    private const int Open = 1;

    public static Markup Draw(IReadOnlyList<StageSummary> summaries, string id = "answers") => Markup.Join(summaries
        .Where(stage => stage.SideBySide is { Count: > 0 })
        .Reverse()
        .Select((stage, i) => Draw(stage, stage.SideBySide!, i == 0 ? id : null)));

    private static Markup Draw(StageSummary stage, IReadOnlyList<SideBySide> prompts, string? id)
    {
        var rest = prompts.Count > Open
            ? Markup.Of($"""<details><summary>{prompts.Count - Open} more prompts</summary>{prompts.Skip(Open).Select(Prompt)}</details>""")
            : Markup.Empty;
        var shown = Markup.Of($"{prompts.Take(Open).Select(Prompt)}{rest}");
        return id is not null
            ? Markup.Of(
                $"""<section id="{id}"><h2>The same prompts, answered by each model</h2><p class="note">{stage.Name}; held-out prompts.</p>{shown}</section>""")
            : Markup.Of($"""<section><details><summary>Answers of {stage.Name}</summary>{shown}</details></section>""");
    }

    private static Markup Prompt(SideBySide prompt) => Markup.Of(
        $"""
        <article class="prompt"><div class="text question" dir="auto">{prompt.Prompt}</div><div class="answers">{prompt.Answers.Select(Answer)}</div></article>

        """);

    private static Markup Answer(ModelAnswer answer) => Markup.Of(
        $"""<div class="answer"><div class="model"><b>{answer.Model}</b> {Scores(answer)}</div><div class="text" dir="auto">{answer.Text}</div></div>""");

    private static Markup Scores(ModelAnswer answer)
    {
        var scores = new (string Name, double? Value)[] { ("gold", answer.GoldScore), ("score", answer.Score), ("second", answer.SecondScore) };
        var pieces = scores.Where(score => score.Value is not null)
            .Select(score => Markup.Of($"""<span class="score">{score.Name} {NumberText.Fixed(score.Value!.Value, sign: true)}</span>""")).ToList();
        if (answer.Verdict is { } verdict)
        {
            pieces.Add(Markup.Of($"""<span class="score">{verdict}</span>"""));
        }

        if (answer.Tokens is { } tokens)
        {
            pieces.Add(Markup.Of($"""<span class="score">{tokens} tokens</span>"""));
        }

        if (answer.Finished == false)
        {
            pieces.Add(Markup.Literal("""<span class="score cut">cut at the limit</span>"""));
        }

        return Markup.Join(pieces);
    }
}
