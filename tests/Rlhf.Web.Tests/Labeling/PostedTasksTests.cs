using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

public sealed class PostedTasksTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static string FileWith(params string[] rows)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        File.WriteAllLines(file, rows);
        return file;
    }

    private static IEnumerable<AnswerSet> Answers(string file) => RankingRows.Read(file).Select(row => row.Answers with { Round = "mine/1" });

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Only_their_own_rankings_count_in_a_store_that_several_runs_share(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(3));
        var file = FileWith(
            """{"prompt": "Prompt 0", "responses": ["a", "b"], "round": 1}""", """{"prompt": "another", "responses": ["a", "b"], "round": 1}""");
        try
        {
            var posted = PostedTasks.Post(test.Address, Answers(file), 2);
            Assert.Equal((2, 4L), (test.Store.Settings().Overlap, posted.Progress().Wanted));
            Assert.Equal(4, PostedTasks.Post(test.Address, Answers(file), 1).Progress().Wanted * 2);
            Assert.Equal((2, 5), (test.Store.Settings().Overlap, test.Store.Tasks().Count()));

            foreach (var name in (string[])["ann", "bob", "eve"])
            {
                var user = test.User(name);
                while (test.Store.Next(user, []) is { } task)
                {
                    Assert.Equal(
                        SubmissionResult.Stored,
                        test.Store.Submit(user,
                        new Submission(task.Id, $"{name} {task.Id} key", new Judgement { Tiers = [[.. Enumerable.Range(0, task.Responses.Count)]] }, 1)));
                }
            }

            Assert.Equal(new TaskProgress(4, 4, 2, 0), posted.Progress());
            using var rows = new StringWriter();
            Assert.Equal(4, posted.WriteRankings(rows));
            Assert.Equal(4, rows.ToString().Split("\"mine/1\"").Length - 1);
        }
        finally
        {
            File.Delete(file);
        }
    }
}
