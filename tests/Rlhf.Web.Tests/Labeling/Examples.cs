using Rlhf.Labelers.Store;

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
        .. Enumerable.Range(2, 39)
            .Select(i => TestStore.Row($"What is {i} times {i}?", [$"{i * i}", $"{i} times {i} is {i * i}.", $"It is {i * i + 2}.", "A number."])),
    ]);

    /// <summary>A task of each other kind, with criteria and a reason.</summary>
    public static void FillKinds(RankingStore store)
    {
        store.Import(TaskRow.Read(
            """
            {"kind": "write", "messages": [{"role": "user", "content": "Which fruits do you know?"}, {"role": "assistant", "content": "Three, for a start:\n\n1. apple\n2. pear\n3. plum"}, {"role": "user", "content": "Which of them would you take on a long walk?"}], "draft": "Apple, pear and plum. Take the pear, it is soft."}
            {"kind": "rank_correct", "prompt": "Name three fruits, and say in **one sentence** which of them you would take on a long walk. The sum is $\\sum_{i=1}^{3} w_i$.", "responses": ["Apple, pear and plum. I would take the apple: it does not bruise easily, needs no knife and keeps for days.", "## Fruits\n\n| fruit | weight |\n| --- | --- |\n| banana | 120 g |\n| mango | 300 g |\n\nThe *banana*, as it gives energy fast.", "```python\nfruits = [\"apple\", \"pear\", \"plum\"]\nprint(max(fruits, key=len))  # a rather long comment in a line of code\n```", "I am sorry, but I cannot help with that request."]}
            {"kind": "review", "prompt": "Name three fruits.", "response": "Apple, pear, and plum are three fruits that grow here.", "author": "ann"}
            {"kind": "prompt", "prompt": "Write a prompt as a customer of a greengrocer might write it."}
            """));
        store.Change(settings => settings with { Criteria = "Truthful: 1-5\nHelpful: 1-7\nHarmless: 1-3", Reason = "optional" });
    }

    /// <summary>Two models' answers to the same prompts.</summary>
    public static void FillArena(RankingStore store)
    {
        (string Prompt, string First, string Second)[] answers =
        [
            (
                "I have 30 minutes and two eggs. What can I cook for a friend who does not like onions?",
                "Make an omelette: beat the eggs with a spoon of milk, salt and pepper, fry them in butter for three minutes, fold them over grated cheese. Serve it with bread and a tomato salad. No onions anywhere, and you have twenty minutes left to talk.",
                "You can cook eggs. Eggs are healthy and can be cooked in many ways. Some people like them with onions."),
            .. Enumerable.Range(2, 23).Select(
                i => ($"What is {i} times {i}?", $"{i} times {i} is {i * i}.", i % 4 == 0 ? $"{i} times {i} is {i * i}." : $"It is {i * i + i % 3}, I think.")),
        ];
        store.Import(answers.Select(row => TestStore.Arena(row.Prompt, row.First, row.Second)));
        store.Change(settings => settings with { Instructions = "Read the prompt and both answers. Say which one is better, or that it is a tie." });
    }

    /// <summary>Three labelers have voted; the third takes the left answer more often than not.</summary>
    public static void Vote(TestServer server)
    {
        server.Store.Change(settings => settings with { Overlap = 3 });
        var random = new Random(4);
        foreach (var name in (string[])["ann", "bob", "eve"])
        {
            var user = server.Store.FindByToken(server.Store.AddUser(name, UserRole.Labeler))!;
            for (var i = 0; i < 15; i++)
            {
                var task = server.Store.Next(user, [])!;
                var longer = task.Responses[0].Length > task.Responses[1].Length ? 0 : 1;
                var better = random.Next(4) > 0 ? longer : name == "eve" ? 0 : 1 - longer;
                var judgement = new Judgement { Tiers = random.Next(6) == 0 ? [[0, 1]] : [[better], [1 - better]] };
                server.Store.Submit(user, new Submission(task.Id, $"key {name} {i}", judgement, 5 + random.Next(20)));
            }
        }
    }

    /// <summary>Four models, each pair on each prompt, and the votes of two labelers, who mostly see which answer is right.</summary>
    public static void Tournament(TestServer server)
    {
        (string Name, Func<int, string> Answer)[] models =
        [
            ("ppo-2", i => $"{i} times {i} is {i * i}."), ("ppo", i => $"{i} times {i} is {(i % 4 == 0 ? i : i * i)}."), ("sft", i => $"It is {i * i + (i % 3)}, I think."),
            ("base", i => $"What is {i} times {i}? What is {i + 1} times {i}?"),
        ];
        var pairs = models.Index().SelectMany(one => models.Skip(one.Index + 1).Select(other => (One: one.Item, Other: other)));
        server.Store.Import(pairs.SelectMany(pair => Enumerable.Range(2, 12).Select(i => TestStore.Arena(
            $"What is {i} times {i}?", pair.One.Answer(i), pair.Other.Answer(i), pair.One.Name, pair.Other.Name, $"{pair.One.Name} against {pair.Other.Name}"))));
        server.Store.Change(settings => settings with { Overlap = 2 });
        var votes = 0;
        foreach (var name in (string[])["ann", "bob"])
        {
            var user = server.Store.FindByToken(server.Store.AddUser(name, UserRole.Labeler))!;
            for (; server.Store.Next(user, []) is { } task; votes++)
            {
                var first = task.Responses[0] == server.Store.FindTask(task.Id)!.Answers.Responses[0] ? 0 : 1;
                var better = votes % 5 == 2 ? 1 - first : first;
                var judgement = new Judgement { Tiers = votes % 7 == 3 ? [[0, 1]] : [[better], [1 - better]] };
                server.Store.Submit(user, new Submission(task.Id, $"key {name} {task.Id}", judgement, 5 + votes % 20));
            }
        }
    }

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
                var order = Enumerable.Range(0, task.Responses.Count)
                    .OrderByDescending(answer => task.Responses[answer].Length + (name == "eve" ? random.Next(80) : random.Next(10)))
                        .Select(answer => new[] { answer }).ToArray();
                var judgement = new Judgement
                {
                    Tiers = order,
                    Comment = i == 5 && name == "bob" ? "Two of them are the same to me." : null,
                    Flags = i == 2 ? [["false"], [], [], []] : [],
                };
                server.Store.Submit(user, new Submission(task.Id, $"key {name} {i}", judgement, 20 + random.Next(40)));
            }
        }
    }
}
