using System.Globalization;

namespace Rlhf.World;

/// <summary>The eight kinds of request of the quickstart world and all that is true in it.</summary>
public static class World
{
    /// <summary>All kinds, in a fixed order (generated data depend on it).</summary>
    public static IReadOnlyList<RequestKind> Kinds { get; } =
    [
        new("capital",
            Lookup("France Paris, Italy Rome, Spain Madrid, Germany Berlin, Japan Tokyo, China Beijing, Egypt Cairo, Greece Athens, Norway Oslo, "
                + "Poland Warsaw, Austria Vienna, Peru Lima"),
            ["What is the capital of {s}?", "Which city is the capital of {s}?", "Tell me the capital of {s}."],
            ["The capital of {s} is {a}", "{a} is the capital of {s}", "It is {a}"],
            "{a}"),
        new("opposite",
            Lookup(BothWays("hot cold, big small, fast slow, old young, happy sad, full empty")),
            ["What is the opposite of {s}?", "Which word is the opposite of {s}?", "Tell me the opposite of {s}."],
            ["The opposite of {s} is {a}", "The opposite is {a}", "It is {a}"],
            "{a}"),
        new("sound",
            Lookup("cow moo, dog woof, cat meow, duck quack, sheep baa, pig oink, frog ribbit, bee buzz, owl hoot, lion roar"),
            ["What does the {s} say?", "What sound does the {s} make?", "Tell me what the {s} says."],
            ["The {s} says {a}", "The {s} goes {a}", "It says {a}"],
            "{a}"),
        new("home",
            Lookup("bee hive, bird nest, horse stable, spider web, rabbit burrow, pig sty, dog kennel, bear cave, hen coop, cow barn"),
            ["Where does the {s} live?", "What is the home of the {s}?", "Tell me where the {s} lives."],
            ["The {s} lives in a {a}", "The home of the {s} is a {a}", "It lives in a {a}"],
            "A {a}"),
        new("colour",
            Lookup("grass green, snow white, coal black, lemon yellow, tomato red, carrot orange, sky blue, chocolate brown, cherry red, "
                + "banana yellow, elephant grey, sea blue"),
            ["What colour is the {s}?", "What is the colour of the {s}?", "Tell me the colour of the {s}."],
            ["The {s} is {a}", "The colour of the {s} is {a}", "It is {a}"],
            "{a}"),
        new("sum",
            Sums(3),
            ["What is {s} plus {t}?", "How much is {s} plus {t}?", "Please add {s} and {t}."],
            ["{s} plus {t} is {a}", "The sum of {s} and {t} is {a}", "That makes {a}"],
            "{a}"),
        new("next",
            [.. Cycle("day", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
                .. Cycle("season", "spring summer autumn winter")],
            ["Which {t} comes after {s}?", "What is the {t} after {s}?", "Tell me the {t} after {s}."],
            ["The {t} after {s} is {a}", "After {s} comes {a}", "It is {a}"],
            "{a}"),
        new("ask",
            Requests("salt bread milk water juice sugar tea soup cake cheese"),
            ["How do I ask for the {s}?", "How can I get the {s}?", "I want the {s}. What do I say?"],
            ["You can ask: May I have the {a}", "You can say: Could you pass me the {a}", "Just ask: Can I have the {a}"],
            "The {a}", "?"),
    ];

    // "France Paris, Italy Rome" -> facts; wrong answers are the other values of the list.
    private static Fact[] Lookup(string pairs)
    {
        var rows = Pairs(pairs);
        var answers = rows.Select(row => row.Right).Distinct(StringComparer.Ordinal).ToArray();
        return [.. rows.Select(row => new Fact(row.Left, "", row.Right, Except(answers, row.Right)))];
    }

    private static string BothWays(string pairs) =>
        string.Join(", ", Pairs(pairs).SelectMany(pair => new[] { $"{pair.Left} {pair.Right}", $"{pair.Right} {pair.Left}" }));

    private static Fact[] Sums(int largest) =>
        [.. from a in Enumerable.Range(1, largest)
            from b in Enumerable.Range(1, largest)
            select new Fact(Digits(a), Digits(b), Digits(a + b),
                [.. new[] { a + b - 2, a + b - 1, a + b + 1, a + b + 2 }.Where(wrong => wrong > 0).Select(Digits)])];

    private static IEnumerable<Fact> Cycle(string unit, string names)
    {
        var list = names.Split(' ');
        return list.Select((name, i) => new Fact(name, unit, list[(i + 1) % list.Length], Except(list, list[(i + 1) % list.Length])));
    }

    private static Fact[] Requests(string things)
    {
        var list = things.Split(' ');
        return [.. list.Select(thing => new Fact(thing, "", thing, Except(list, thing)))];
    }

    private static (string Left, string Right)[] Pairs(string text) =>
        [.. text.Split(", ").Select(pair => pair.Split(' ')).Select(pair => (pair[0], pair[1]))];

    private static string[] Except(IEnumerable<string> values, string answer) => [.. values.Where(value => value != answer)];

    private static string Digits(int number) => number.ToString(CultureInfo.InvariantCulture);
}
