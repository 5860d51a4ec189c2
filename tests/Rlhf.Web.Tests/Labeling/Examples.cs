using Rlhf.Web.Labeling;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>The data of the pictures in the documents.</summary>
internal static class Examples
{
    public static void Fill(RankingStore store) => store.Import(
    [
        TestStore.Row(
            "Name three fruits, and say in one sentence which of them you would take on a long walk.",
            [
                "Apple, pear and plum. I would take the apple: it does not bruise easily, needs no knife and keeps for days.",
                "Fruits are good for you.",
                "Banana, mango, kiwi. The banana, as it gives energy fast.",
                "I am sorry, but I cannot help with that request.",
            ]),
        .. Enumerable.Range(2, 39).Select(i => TestStore.Row($"What is {i} times {i}?", [$"{i * i}", $"{i} times {i} is {i * i}.", $"It is {i * i + 2}.", "A number."])),
    ]);

    /// <summary>Three labelers have ranked; the third is careless.</summary>
    public static void Rank(TestServer server)
    {
        server.Store.Change(settings => settings with { Overlap = 3 });
        var random = new Random(3);
        foreach (var name in (string[])["ann", "bob", "eve"])
        {
            var user = server.Store.FindByToken(server.Store.AddUser(name, UserRole.Labeler))!;
            for (var i = 0; i < (name == "eve" ? 12 : 20); i++)
            {
                var task = server.Store.Next(user, [])!;
                var order = Enumerable.Range(0, task.Responses.Count).OrderByDescending(answer => task.Responses[answer].Length + (name == "eve" ? random.Next(80) : random.Next(10))).Select(answer => new[] { answer }).ToArray();
                var judgement = new Judgement { Tiers = order, Comment = i == 5 && name == "bob" ? "Two of them are the same to me." : null, Flags = i == 2 ? [["false"], [], [], []] : [] };
                server.Store.Submit(user, new Submission(task.Id, $"key {name} {i}", judgement, 20 + random.Next(40)));
            }
        }
    }
}
