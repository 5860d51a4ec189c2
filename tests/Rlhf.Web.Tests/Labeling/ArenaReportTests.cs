using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;
using Rlhf.World;

namespace Rlhf.Web.Tests.Labeling;

public sealed class ArenaReportTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static ImportRow Pair(int prompt, string first, string second) => TestStore.Arena($"Prompt {prompt}", first, second);

    private static IEnumerable<ImportRow> Pairs(int different, int identical) =>
        [.. Enumerable.Range(0, different).Select(i => Pair(i, $"ppo's {i}", $"sft's {i}")),
            .. Enumerable.Range(different, identical).Select(i => Pair(i, " the same", "the same\n"))];

    /// <summary>Votes on everything that the labeler is given: 1 for ppo, -1 for sft, 0 for a tie.</summary>
    private static void Vote(TestStore test, LabelUser user, Func<int, int> vote)
    {
        while (test.Store.Next(user, []) is { } task)
        {
            var left = task.Responses[0].StartsWith("ppo", StringComparison.Ordinal) ? 0 : 1;
            var said = int.TryParse(task.Messages[0].Content[7..], out var prompt) ? vote(prompt) : 0;
            int[][] tiers = said == 0 ? [[0, 1]] : said > 0 ? [[left], [1 - left]] : [[1 - left], [left]];
            test.Store.Submit(user, new Submission(task.Id, Guid.NewGuid().ToString(), new Judgement { Tiers = tiers }, 1));
        }
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Votes_are_counted_by_model_whichever_stood_left(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(Pairs(20, 0));
        Vote(test, test.User("ann"), prompt => prompt < 12 ? 1 : prompt < 16 ? 0 : -1);
        var arena = Assert.Single(ArenaReport.Of(test.Store));

        Assert.Equal(("ppo", "sft", 20, 0, 20), (arena.Model, arena.Versus, arena.Prompts, arena.Identical, arena.Judged));
        Assert.Equal((12, 4, 4), (arena.Votes!.Wins, arena.Votes.Ties, arena.Votes.Losses));
        Assert.Equal(0.7, arena.WinRate!.Value, 12);
        Assert.Equal(arena.Votes.Rate, arena.WinRate);
        Assert.InRange(arena.WinRate.Low, 0.4, 0.6);
        Assert.Null(arena.Agreement);
        Assert.Equal(("ann", 12, 4, 4), (arena.Labelers[0].Name, arena.Labelers[0].Wins, arena.Labelers[0].Ties, arena.Labelers[0].Losses));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Identical_answers_are_ties_of_which_nobody_is_asked(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(Pairs(10, 30));
        var ann = test.User("ann");
        Assert.Equal(new LabelProgress(0, 0, 10), test.Store.Progress(ann));
        Vote(test, ann, _ => 1);
        var arena = Assert.Single(ArenaReport.Of(test.Store));

        Assert.Equal((40, 30, 10), (arena.Prompts, arena.Identical, arena.Judged));
        Assert.Equal((10, 0, 0), (arena.Votes!.Wins, arena.Votes.Ties, arena.Votes.Losses));
        Assert.Equal((1, 0.25 + 0.375), (arena.Votes.Rate.Value, arena.WinRate!.Value));
        Assert.Equal(0.25 * arena.Votes.Rate.Low + 0.375, arena.WinRate.Low, 12);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Who_always_takes_the_left_one_is_seen_in_the_position_bias(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(Pairs(40, 0));
        var ann = test.User("ann");
        while (test.Store.Next(ann, []) is { } task)
        {
            test.Store.Submit(ann, new Submission(task.Id, Guid.NewGuid().ToString(), new Judgement { Tiers = [[0], [1]] }, 1));
        }

        var arena = Assert.Single(ArenaReport.Of(test.Store));
        Assert.Equal((1, 1), (arena.FirstShown!.Value, arena.Labelers[0].FirstShown!.Value));
        Assert.True(arena.FirstShown.Low > 0.5);
        Assert.InRange(arena.WinRate!.Value, 0.2, 0.8);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Labelers_who_disagree_are_seen_and_an_owner_decides(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(Pairs(10, 0));
        test.Store.Change(settings => settings with { Overlap = 2 });
        Vote(test, test.User("ann"), _ => 1);
        Vote(test, test.User("bob"), prompt => prompt < 8 ? 1 : -1);
        var owner = test.User("owner", UserRole.Owner);
        Assert.Equal(0.8, Assert.Single(ArenaReport.Of(test.Store)).Agreement!.Value, 12);
        Assert.Equal(20, Assert.Single(ArenaReport.Of(test.Store)).Votes!.Rate.Count);

        var task = test.Store.Adjudicate(owner, 10)!;
        test.Store.Submit(owner, new Submission(task.Id, "the decision", new Judgement { Tiers = [[0, 1]] }, 1));
        var arena = Assert.Single(ArenaReport.Of(test.Store));
        Assert.Equal((17, 1, 1), (arena.Votes!.Wins, arena.Votes.Ties, arena.Votes.Losses));
        Assert.Equal(0.8, arena.Agreement!.Value, 12);
    }

    [Fact]
    public void Votes_are_comparisons_that_reward_reads_and_the_models_come_back_with_an_import()
    {
        using var test = new TestStore(TestStore.Sqlite);
        using var copy = new TestStore(TestStore.Sqlite);
        test.Store.Import(Pairs(6, 2));
        Vote(test, test.User("ann"), prompt => prompt < 3 ? 1 : prompt < 5 ? -1 : 0);
        var file = Path.GetTempFileName();
        try
        {
            Export(test.Store, file, everything: false);
            var rows = DataReader.Rankings(new DataSource { Path = [file] }, ".", new Ledger("test")).ToList();
            Assert.Equal((6, 5, 1), (rows.Count, rows.Sum(row => row.Pairs.Count), rows.Sum(row => row.Ties.Count)));
            Assert.All(rows, row => Assert.Equal("ann", row.Labeler));
            Assert.Equal("ppo's 0", rows[0].Responses[rows[0].Pairs[0].Better]);
            Assert.Equal("sft's 3", rows[3].Responses[rows[3].Pairs[0].Better]);

            Export(test.Store, file, everything: true);
            copy.Store.Import(RankingRows.Read(file));
            var (before, after) = (Assert.Single(ArenaReport.Of(test.Store)), Assert.Single(ArenaReport.Of(copy.Store)));
            Assert.Equal((before.Model, before.Prompts, before.Identical, before.Votes, before.FirstShown),
                (after.Model, after.Prompts, after.Identical, after.Votes, after.FirstShown));
        }
        finally
        {
            File.Delete(file);
        }
    }

    [Fact]
    public void A_labeler_is_never_told_which_model_wrote_what()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import([TestStore.Row("x", ["one", "two"]), Pair(1, "three", "four")]);
        var ann = test.User("ann");
        var first = test.Store.Next(ann, [])!;
        var second = test.Store.Next(ann, [first.Id])!;
        Assert.All((LabelTask[])[first, second],
            task => Assert.DoesNotContain("ppo", System.Text.Json.JsonSerializer.Serialize(task), StringComparison.Ordinal));
    }

    private static void Export(RankingStore store, string file, bool everything)
    {
        using var writer = new StreamWriter(file);
        RankingExport.Write(store, writer, new ExportOptions { Everything = everything });
    }
}
