using System.Diagnostics.CodeAnalysis;
using Rlhf.Labelers.Store;
using Rlhf.Reports;

namespace Rlhf.Runs;

/// <summary>One held-out prompt carried through the steps: answered after SFT, ranked, scored, answered after PPO.</summary>
internal static class ExampleSection
{
    public static Markup Draw(RunSummary summary)
    {
        var ranked = summary.Stages.LastOrDefault(static stage => stage.Example is { Ranking: not null });
        if (ranked?.Example is not { } example || example.Ranking!.SelectMany(static tier => tier).Any(at => at < 0 || at >= example.Answers.Count))
        {
            return Markup.Empty;
        }

        // Later rounds may follow another prompt.
        var answered = summary.Stages.Where(stage => stage.Example is { Ranking: null } own && own.Prompt == example.Prompt && own.Answers.Count > 0).ToArray();
        var before = answered.FirstOrDefault()?.Example!.Answers[0];
        return Markup.Of(
            $"""
            <section id="example"><h2>One prompt through all steps</h2><p class="note">No model was trained on it. Scores are those of {ranked.Name}: only their differences mean something.</p>
            <div class="text question" dir="auto">{example.Prompt}</div><ol class="steps">
            {(before is null ? Markup.Empty : Step("SFT answers", "The model after imitating demonstrations: where feedback begins.", Answer(before)))}
            {Step("Answers are ranked", "Sampled answers side by side, without their authors. &gt; is better than, = as good as.", Ranking(example))}
            {Step("The reward model scores them", "It learns a number for each answer, so that the better one has the higher.", Scores(example))}
            {answered.Select(stage => Step($"{stage.Name} answers", "The policy after it was trained for higher scores, held near SFT by the KL penalty.", Answer(stage.Example!.Answers[^1])))}
            </ol></section>

            """);
    }

    private static Markup Step(string title, [ConstantExpected] string meaning, Markup content) =>
        Markup.Of($"""<li><h3>{title}</h3><p class="note">{Markup.Literal(meaning)}</p>{content}</li>""");

    private static Markup Answer(ModelAnswer answer) => Markup.Of(
        $"""<div class="text" dir="auto">{answer.Text.Trim()}</div><div class="model">{Score(answer)}{Cut(answer)}</div>""");

    private static Markup Ranking(WorkedExample example)
    {
        var by = example.Labeler is { } labeler ? Markup.Of($""" <small>by <span dir="auto">{labeler}</span></small>""") : Markup.Empty;
        var answers = example.Answers.Select(answer => Markup.Of($"""<dt>{answer.Model}</dt><dd class="text" dir="auto">{answer.Text.Trim()}</dd>"""));
        return Markup.Of($"""<p class="ranking"><b>{RankingNotation.Of(example.Ranking!)}</b>{by}</p><dl class="letters">{answers}</dl>""");
    }

    private static Markup Scores(WorkedExample example)
    {
        var byRank = example.Ranking!.SelectMany(static tier => tier).Select(at => example.Answers[at]);
        var pairs = Data.Tiers.Pairs(example.Ranking!);
        var right = pairs.Count(pair => example.Answers[pair.Better].Score > example.Answers[pair.Worse].Score);
        return Markup.Of(
            $"""<dl class="letters">{byRank.Select(answer => Markup.Of($"""<dt>{answer.Model}</dt><dd>{Score(answer)}{Cut(answer)}</dd>"""))}</dl><p>{right} of {pairs.Count} pairs as the labeler ordered them.</p>""");
    }

    private static Markup Score(ModelAnswer answer) => answer.Score is { } score
        ? Markup.Of($"""<span class="score">score {NumberText.Fixed(score, sign: true)}</span>""")
        : Markup.Empty;

    private static Markup Cut(ModelAnswer answer) => answer.Finished == false ? Markup.Literal(""" <span class="score cut">cut at the limit</span>""") : Markup.Empty;
}
