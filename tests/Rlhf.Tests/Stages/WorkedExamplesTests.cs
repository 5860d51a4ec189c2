using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Stages;
using Rlhf.Tests.Cli;
using Rlhf.Tests.Runs;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Stages;

public sealed class WorkedExamplesTests : IDisposable
{
    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    [Fact]
    public void A_run_follows_one_held_out_prompt_from_its_ranking_to_PPO()
    {
        var summary = _run.Run(changes: ["data.comparisons.held_out=0.4"]);
        var ranked = summary.Stages.Single(stage => stage.Kind == "reward").Example!;
        var answered = summary.Stages.Single(stage => stage.Kind == "ppo").Example!;

        Assert.Equal(["A Yes, please.", "B No."], ranked.Answers.Select(answer => $"{answer.Model} {answer.Text.Trim()}"));
        Assert.All(ranked.Answers, answer => Assert.True(double.IsFinite(answer.Score!.Value)));
        Assert.Equal(new IReadOnlyList<int>[] { [0], [1] }, ranked.Ranking!);
        Assert.Equal(ranked.Prompt, answered.Prompt);
        Assert.Equal(ranked.Tokens, answered.Tokens);
        Assert.Equal(["SFT", "PPO"], answered.Answers.Select(answer => answer.Model));
        Assert.All(answered.Answers, answer => Assert.True(double.IsFinite(answer.Score!.Value)));
        Assert.Contains("<section id=\"example\">", File.ReadAllText(Path.Combine(_run.Folder, "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void Whole_rankings_with_most_answers_are_taken_and_pairs_that_leave_something_open_are_not()
    {
        using var models = new TinyModels();
        var tokenizer = Tokenizer.Load(models.Language("policy"));
        EncodedRanking[] rankings =
        [
            Of("two", 2, [(0, 1)], []), Of("open", 4, [(0, 1), (2, 3)], []), Of("circle", 3, [(0, 1), (1, 2), (2, 0)], []),
            Of("three", 3, Tiers.Pairs([[2], [0, 1]]), [(0, 1)]), Of("finer", 3, Tiers.Pairs([[2], [0], [1]]), []),
        ];
        var scored = rankings.Select(ranking => new HeldOutRanking
        {
            Prompt = ranking.PromptText,
            Scores = [.. ranking.Answers.Select((_, i) => (double)i)],
            Lengths = [.. ranking.Answers.Select(_ => 1)],
            Pairs = ranking.Pairs,
        }).ToArray();

        var example = WorkedExamples.OfRankings(rankings, scored, tokenizer, [])!;
        Assert.Equal("finer", example.Prompt);
        Assert.Equal(new IReadOnlyList<int>[] { [2], [0], [1] }, example.Ranking!);
        Assert.Equal([0.0, 1, 2], example.Answers.Select(answer => answer.Score!.Value));
        Assert.Null(WorkedExamples.OfRankings(rankings[1..3], scored[1..3], tokenizer, []));
    }

    private static EncodedRanking Of(string prompt, int answers, IReadOnlyList<(int, int)> pairs, IReadOnlyList<(int, int)> ties) => new(
        prompt, prompt, [.. Enumerable.Range(0, answers).Select(i => new EncodedSequence([1, 2 + i], 1, null, prompt, false))], pairs, ties, 1, null, null);
}
