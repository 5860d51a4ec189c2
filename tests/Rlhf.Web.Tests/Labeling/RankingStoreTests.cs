using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

public sealed class RankingStoreTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static Judgement Ranked(params int[][] tiers) => new() { Tiers = tiers };

    private static Submission Says(LabelTask task, Judgement judgement, bool edit = false, string? key = null) =>
        new(task.Id, key ?? Guid.NewGuid().ToString(), judgement, 3.5, edit);

    private static Submission Ranks(LabelTask task, bool edit = false, string? key = null) =>
        Says(task, Ranked([.. Enumerable.Range(0, task.Responses.Count).Select(i => new[] { i })]), edit, key);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_the_labeler_put_first_is_what_is_stored_first(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(20));
        var ann = test.User("ann");
        var orders = new HashSet<string>();
        for (var i = 0; i < 20; i++)
        {
            var task = test.Store.Next(ann, [])!;
            Assert.Equal(SubmissionResult.Stored,
                test.Store.Submit(ann, Says(task, Ranked([2], [0, 1]) with { Flags = [["false"], [], ["harmful", "off_topic"]], Ratings = [1, null, 7] })));

            var stored = Assert.Single(test.Store.Rankings(task.Id));
            var answers = test.Store.FindTask(task.Id)!.Answers.Responses;
            Assert.Equal(task.Responses[2], answers[stored.Judgement.Tiers![0].Single()]);
            Assert.Equal(task.Responses.Take(2).Order(), stored.Judgement.Tiers[1].Select(answer => answers[answer]).Order());
            Assert.Equal(task.Responses, stored.OrderShown.Select(answer => answers[answer]));
            Assert.Equal(["harmful", "off_topic"], stored.Judgement.Flags[stored.Judgement.Tiers[0].Single()]);
            Assert.Equal(7, stored.Judgement.Ratings[stored.Judgement.Tiers[0].Single()]);
            Assert.Equal(Ranked([2], [0, 1]).Tiers, test.Store.Again(ann, task.Id)!.Given!.Tiers);
            orders.Add(string.Join(' ', stored.OrderShown));
        }

        Assert.True(orders.Count > 2, "answers are shuffled");
        Assert.Null(test.Store.Next(ann, []));
        Assert.Equal(new LabelProgress(20, 20, 20), test.Store.Progress(ann));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_lease_that_ran_out_goes_to_others_and_back_only_while_there_is_room(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(1));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        var first = test.Store.Next(ann, [])!;
        Assert.Null(test.Store.Next(bob, []));
        Assert.Equal(first.Responses, test.Store.Next(ann, [])!.Responses);

        test.Clock.Advance(TimeSpan.FromMinutes(21));
        Assert.Equal(first.Responses, test.Store.Next(ann, [])!.Responses);
        Assert.Null(test.Store.Next(bob, []));

        test.Clock.Advance(TimeSpan.FromMinutes(21));
        var second = test.Store.Next(bob, [])!;
        Assert.Equal(first.Id, second.Id);
        Assert.Null(test.Store.Next(ann, []));
        Assert.False(test.Store.Renew(ann, first.Id));
        Assert.Equal(SubmissionResult.TooLate, test.Store.Submit(ann, Ranks(first)));
        Assert.True(test.Store.Renew(bob, first.Id));
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(bob, Ranks(second)));
        Assert.Equal(SubmissionResult.TooLate, test.Store.Submit(ann, Ranks(first)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_late_ranking_counts_where_nobody_else_took_the_task(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(1));
        var ann = test.User("ann");
        var task = test.Store.Next(ann, [])!;
        test.Clock.Advance(TimeSpan.FromHours(5));
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task)));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_submission_that_arrives_twice_is_stored_once(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(2));
        var ann = test.User("ann");
        var (task, other) = (test.Store.Next(ann, [])!, test.Store.Next(ann, [1])!);
        Parallel.For(0, 8, _ => Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task, key: "the same key"))));
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task, key: "another key")));
        Assert.Equal(SubmissionResult.AlreadyRanked,
            test.Store.Submit(ann, Ranks(task, key: "a third key") with { Judgement = new Judgement { CannotJudge = "no idea" } }));
        Assert.Throws<InputException>(() => test.Store.Submit(ann, Ranks(other, key: "the same key")));

        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task, edit: true, key: "key of edit")));
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task, edit: true, key: "key of edit")));
        Assert.Equal(1, Assert.Single(test.Store.Rankings()).Edits);
        Assert.Equal([0, 1], test.Store.History(task.Id).Select(version => version.Revision));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_ranking_needs_a_task_that_was_given_out(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(2));
        var (ann, bob) = (test.User("ann"), test.User("bob"));
        var task = test.Store.Next(ann, [])!;
        Assert.Equal(SubmissionResult.NotYours, test.Store.Submit(bob, Ranks(task)));
        Assert.Equal(SubmissionResult.NothingToEdit, test.Store.Submit(ann, Ranks(task, edit: true)));
        Assert.Null(test.Store.Again(ann, task.Id));
        Assert.Null(test.Store.Adjudicate(ann, 999));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_judgement_that_is_none_is_refused(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(1));
        var ann = test.User("ann");
        var task = test.Store.Next(ann, [])!;
        Judgement[] wrong =
        [
            new(), Ranked([0], [1]), Ranked([0], [1], [1]), Ranked([0], [1], [3]), Ranked([0, 1, 2], []), Ranked([0], [1], [2]) with { CannotJudge = "both" },
            Ranked([0, 1, 2]) with { Flags = [["harmful"]] }, Ranked([0, 1, 2]) with { Flags = [["ugly"], [], []] },
            Ranked([0, 1, 2]) with { Ratings = [8, null, null] },
            Ranked([0, 1, 2]) with { Comment = new string('x', 10_001) }, new() { CannotJudge = " " },
        ];
        Assert.All(wrong, judgement => Assert.Throws<InputException>(() => test.Store.Submit(ann, Says(task, judgement))));
        Assert.Throws<InputException>(() => test.Store.Submit(ann, Ranks(task) with { Seconds = double.NaN }));
        Assert.Throws<InputException>(() => test.Store.Submit(ann, Ranks(task) with { Key = "" }));
        Assert.Empty(test.Store.Rankings());
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Nobody_sees_a_prompt_twice_in_a_round(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import([TestStore.Row("Same", ["a", "b"]), TestStore.Row("Same", ["c", "d"]), TestStore.Row("Same", ["e", "f"], round: "2")]);
        var ann = test.User("ann");
        var first = test.Store.Next(ann, [])!;
        var second = test.Store.Next(ann, [first.Id])!;
        Assert.Equal("2", test.Store.FindTask(second.Id)!.Answers.Round);
        test.Store.Submit(ann, Ranks(first));
        test.Store.Submit(ann, Ranks(second));
        Assert.Null(test.Store.Next(ann, []));
        Assert.NotNull(test.Store.Next(test.User("bob"), []));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_oldest_prompt_that_lacks_rankings_comes_first(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(5));
        test.Store.Change(settings => settings with { Overlap = 2 });
        var (ann, bob, eve) = (test.User("ann"), test.User("bob"), test.User("eve"));
        List<long> first = [], second = [], third = [];
        foreach (var (user, tasks, count) in ((LabelUser, List<long>, int)[])[(ann, first, 3), (bob, second, 5), (eve, third, 2)])
        {
            for (var i = 0; i < count; i++)
            {
                var task = test.Store.Next(user, [])!;
                tasks.Add(task.Id);
                test.Store.Submit(user, Ranks(task));
            }
        }

        Assert.Equal([1, 2, 3], first);
        Assert.Equal([1, 2, 3, 4, 5], second);
        Assert.Equal([4, 5], third);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void A_labeler_holds_two_tasks_at_most(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(5));
        var ann = test.User("ann");
        var first = test.Store.Next(ann, [])!;
        var second = test.Store.Next(ann, [first.Id])!;
        Assert.NotEqual(first.Id, second.Id);
        Assert.Null(test.Store.Next(ann, [first.Id, second.Id]));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Pausing_gives_out_nothing_new_and_loses_nothing(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(5));
        var ann = test.User("ann");
        var task = test.Store.Next(ann, [])!;
        test.Store.Change(settings => settings with { Paused = true });
        Assert.Equal(task.Id, test.Store.Next(ann, [])!.Id);
        Assert.Null(test.Store.Next(ann, [task.Id]));
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(ann, Ranks(task)));
        Assert.Null(test.Store.Next(ann, []));
        test.Store.Change(settings => settings with { Paused = false });
        Assert.NotNull(test.Store.Next(ann, []));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Calibration_items_go_to_everybody_once_and_do_not_count(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import([.. TestStore.Rows(4), TestStore.Row("Known", ["good", "bad"], known: [[0], [1]])]);
        test.Store.Change(settings => settings with { CalibrationShare = 1 });
        foreach (var name in (string[])["ann", "bob"])
        {
            var user = test.User(name);
            var task = test.Store.Next(user, [])!;
            Assert.NotNull(test.Store.FindTask(task.Id)!.Answers.Known);
            test.Store.Submit(user, Ranks(task));
            Assert.Null(test.Store.FindTask(test.Store.Next(user, [])!.Id)!.Answers.Known);
        }

        Assert.Equal((0, 4), test.Store.Progress("1"));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_owner_decides_beyond_the_overlap(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(1));
        var (ann, owner) = (test.User("ann"), test.User("owner", UserRole.Owner));
        test.Store.Submit(ann, Ranks(test.Store.Next(ann, [])!));
        var task = test.Store.Adjudicate(owner, 1)!;
        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(owner, Ranks(task)));
        Assert.Equal([false, true], test.Store.Rankings().Select(ranking => ranking.Adjudication));
        Assert.Equal((1, 1), test.Store.Progress((string?)null));
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void An_owner_decides_also_on_a_task_that_is_in_the_owners_hands(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(1));
        var owner = test.User("owner", UserRole.Owner);
        var task = test.Store.Next(owner, [])!;
        Assert.Equal(task.Responses, test.Store.Adjudicate(owner, task.Id)!.Responses);
        test.Store.Submit(owner, Ranks(task));
        Assert.True(Assert.Single(test.Store.Rankings()).Adjudication);
        Assert.Equal((0, 1), test.Store.Progress((string?)null));
    }

    [Theory]
    [InlineData("postgres://me@127.0.0.1:1/x?ssl=on")]
    [InlineData("postgres://me@127.0.0.1:1/x?sslmode=maybe")]
    [InlineData("postgres://me@127.0.0.1:1/x?sslmode=3")]
    [InlineData("postgres://me@127.0.0.1:1/")]
    public void An_address_with_what_is_not_known_is_refused_before_anything_is_asked(string address) =>
        Assert.Contains("--store", Assert.Throws<InputException>(() => RankingStore.Open(address)).Message, StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Tokens_let_in_until_they_are_revoked(string kind)
    {
        using var test = new TestStore(kind);
        Assert.False(test.Store.HasTokens());
        var token = test.Store.AddUser("ann", UserRole.Labeler);
        Assert.Equal("ann", test.Store.FindByToken(token)!.Name);
        Assert.Null(test.Store.FindByToken(token + "x"));
        Assert.Throws<InputException>(() => test.Store.AddUser("ann", UserRole.Owner));
        test.Store.Revoke("ann");
        Assert.Null(test.Store.FindByToken(token));
        Assert.Throws<InputException>(() => test.Store.Revoke("ann"));
        var newToken = test.Store.AddUser("ann", UserRole.Owner);
        Assert.Equal(UserRole.Owner, test.Store.FindByToken(newToken)!.Role);
        Assert.Null(test.Store.FindByToken(token));
        Assert.DoesNotContain(
            newToken, kind == TestStore.Sqlite ? File.ReadAllText(test.Address) + File.ReadAllText(test.Address + "-wal") : "", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void What_was_written_is_there_after_the_store_is_opened_again(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TestStore.Rows(3));
        test.Store.Change(settings => settings with { Overlap = 3, Instructions = "Be \"kind\" \u202E\0" });
        var again = test.Open();
        Assert.Equal(new ImportResult(0, 3, 0), again.Import(TestStore.Rows(3)));
        Assert.Equal("Be \"kind\" \u202E\0", again.Settings().Instructions);
        Assert.Equal((0, 9), again.Progress("1"));
        Assert.Throws<InputException>(() => again.Change(settings => settings with { Overlap = 0 }));
    }

    /// <summary>Labelers who fetch, rank, edit, send twice and go away, in any order and at once; what must never happen does not.</summary>
    [Theory]
    [MemberData(nameof(Kinds))]
    public void No_prompt_is_ranked_more_often_than_wanted_and_no_ranking_is_lost(string kind)
    {
        using var test = new TestStore(kind);
        const int Prompts = 25, Overlap = 2, Labelers = 5;
        test.Store.Import(TestStore.Rows(Prompts));
        test.Store.Change(settings => settings with { Overlap = Overlap });
        var users = Enumerable.Range(0, Labelers).Select(i => test.User($"labeler {i}")).ToArray();
        var acknowledged = new System.Collections.Concurrent.ConcurrentDictionary<(long, string), string>();
        Parallel.For(0, Labelers, worker =>
        {
            var random = new Random(worker);
            for (var step = 0; step < 60; step++)
            {
                if (random.Next(10) == 0)
                {
                    lock (test.Clock)
                    {
                        test.Clock.Advance(TimeSpan.FromMinutes(7));
                    }
                }

                if (test.Store.Next(users[worker], []) is not { } task || random.Next(5) == 0)
                {
                    continue;
                }

                lock (test.Clock)
                {
                    Assert.Equal(0, test.Store.OverAssigned(TimeSpan.Zero));
                }

                int[] order = [0, 1, 2];
                random.Shuffle(order);
                var submission = Says(task, Ranked([.. order.Select(answer => new[] { answer })]));
                if (test.Store.Submit(users[worker], submission) == SubmissionResult.Stored)
                {
                    if (random.Next(3) == 0)
                    {
                        Assert.Equal(SubmissionResult.Stored, test.Store.Submit(users[worker], submission));
                    }

                    acknowledged[(task.Id, users[worker].Name)] = string.Join(' ', order.Select(answer => task.Responses[answer]));
                }
            }
        });

        var stored = test.Store.Rankings();
        Assert.All(stored.CountBy(ranking => ranking.Task), task => Assert.InRange(task.Value, 1, Overlap));
        Assert.Equal(acknowledged.Keys.Order(), stored.Select(ranking => (ranking.Task, ranking.Labeler)).Order());
        Assert.All(stored, ranking =>
        {
            var answers = test.Store.FindTask(ranking.Task)!.Answers.Responses;
            Assert.Equal(acknowledged[(ranking.Task, ranking.Labeler)], string.Join(' ', ranking.Judgement.Tiers!.Select(tier => answers[tier.Single()])));
        });
        Assert.True(stored.Count > Prompts);
    }
}
