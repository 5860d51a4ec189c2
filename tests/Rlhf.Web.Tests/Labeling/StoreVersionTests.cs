using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>By what the owner's page knows that there is something new.</summary>
public sealed class StoreVersionTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void The_version_is_another_after_everything_that_the_owner_would_see(string kind)
    {
        using var test = new TestStore(kind);
        var store = test.Store;
        store.Import(TestStore.Rows(2));
        var (ann, owner) = (test.User("ann"), test.User("owner", UserRole.Owner));
        var (task, other) = (store.Next(ann, [])!, store.Next(ann, [1])!);
        var ranked = new Judgement { Tiers = [[0], [1], [2]] };
        (string What, Action Do)[] changes =
        [
            ("a ranking", () => store.Submit(ann, new Submission(task.Id, "key of one", ranked, 1))),
            ("an edit", () => store.Submit(ann, new Submission(task.Id, "key of edit", ranked with { Comment = "Hm" }, 1, Edit: true))),
            ("a task that was skipped", () => store.Submit(ann, new Submission(other.Id, "key of two", new Judgement { CannotJudge = "no" }, 1))),
            ("an owner's decision", () => store.Submit(owner, new Submission(store.Adjudicate(owner, task.Id)!.Id, "key of three", ranked, 1))),
            ("an import", () => store.Import(TestStore.Rows(3))),
            ("settings", () => store.Change(settings => settings with { Instructions = "Be fair" })),
            ("somebody new", () => store.AddUser("bob", UserRole.Labeler)),
            ("a token taken back", () => store.Revoke("bob")),
        ];
        HashSet<string> seen = [store.Version()];
        foreach (var (what, change) in changes)
        {
            change();
            var version = store.Version();
            Assert.True(seen.Add(version), $"after {what} the version is as it was");
            Assert.Equal(version, store.Version());
            Assert.Equal(version, test.Open().Version());
        }

        store.Import(TestStore.Rows(3)); // Nothing new.
        store.Next(ann, []);
        Assert.Contains(store.Version(), seen.Last(), StringComparison.Ordinal);
    }
}
