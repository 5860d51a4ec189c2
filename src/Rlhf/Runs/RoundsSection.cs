using Rlhf.Reports;
using Rlhf.Reports.Page;
using Rlhf.Stages;

namespace Rlhf.Runs;

/// <summary>The rounds as a table: which policy answered, who ranked, what the reward model was trained on, which policy came out.</summary>
internal static class RoundsSection
{
    private const int MostNames = 8;

    public static Markup Draw(RunSummary summary)
    {
        var rounds = summary.Stages.Where(stage => Makes(stage, StageProduct.Rankings) || Makes(stage, StageProduct.RewardModel)).Select(stage => stage.Round)
            .Distinct().Order().ToArray();
        return rounds.Length == 0
            ? Markup.Empty
            : Markup.Of(
                $"""
                <section id="rounds"><h2>Rounds</h2><details><summary>Who answered, who ranked, what was trained</summary><div class="wide" tabindex="0" role="group" aria-label="Rounds"><table><thead><tr><th scope="col">round</th><th scope="col">answers by</th><th scope="col">ranked by</th>
                <th scope="col">reward model</th><th scope="col">trained on</th><th scope="col">policy after it</th></tr></thead><tbody>{rounds.Select(round => Row(summary, round))}</tbody></table></div></details></section>

                """);
    }

    private static Markup Row(RunSummary summary, int round)
    {
        StageSummary? StageOf(StageProduct product) => summary.Stages.FirstOrDefault(stage => Makes(stage, product) && stage.Round == round);
        var (collect, reward) = (StageOf(StageProduct.Rankings), StageOf(StageProduct.RewardModel));
        return Markup.Of(
            $"""<tr><th scope="row" class="number">{round}</th><td>{Policy(collect)}</td><td>{Labelers(collect)}</td><td>{Model(reward)}</td><td>{(reward?.Rankings ?? []).Select(Source)}</td><td>{Model(StageOf(StageProduct.Policy))}</td></tr>""");
    }

    private static bool Makes(StageSummary stage, StageProduct product) => StageList.All.FirstOrDefault(kind => kind.Name == stage.Kind)?.Makes == product;

    private static Markup Policy(StageSummary? collect) => collect?.Inputs.FirstOrDefault(link => link.Role == "policy") is { } policy
        ? Markup.Of($"{PathText.Of(policy.Source)} {ProvenanceSections.Hash(policy.Hash, letters: 8)}")
        : Markup.Empty;

    private static Markup Labelers(StageSummary? collect)
    {
        if (collect?.Labelers is not { } labelers)
        {
            return Markup.Empty;
        }

        var link = collect.Inputs.FirstOrDefault(input => input.Role == "labeler");
        var shown = labelers.OrderByDescending(labeler => labeler.Rankings).Take(MostNames).Select(
            labeler => Markup.Of($"""<div dir="auto">{(labeler.Name == link?.Source ? "" : labeler.Name + ": ")}{NumberText.Short(labeler.Rankings)}</div>"""));
        var others = labelers.Count > MostNames ? Markup.Of($"<div>and {labelers.Count - MostNames} more</div>") : Markup.Empty;
        return Markup.Of($"{(link is null ? "" : PathText.Of(link.Source))} {ProvenanceSections.Hash(link?.Hash, letters: 8)}{shown}{others}");
    }

    private static Markup Model(StageSummary? stage) =>
        stage is null ? Markup.Empty : Markup.Of($"{stage.Name} {ProvenanceSections.Hash(stage.ModelHash, letters: 8)}");

    private static Markup Source(RankingSource source) => source.Weight > 0
        ? Markup.Of(
            $"<div>{PathText.Of(source.Source)}, weight {NumberText.Short(source.Weight)}: {NumberText.Short(source.Training)} rankings, {NumberText.Short(source.HeldOut)} held out</div>")
        : Markup.Of($"<div>{PathText.Of(source.Source)}: left out</div>");
}
