using System.Globalization;

namespace Rlhf.Quickstart;

/// <summary>The twelve kinds of request of the quickstart world and all that is true in it.</summary>
public static class World
{
    /// <summary>All kinds, in a fixed order (generated data depend on it).</summary>
    public static IReadOnlyList<RequestKind> Kinds { get; } =
    [
        new("capital",
            Lookup("France Paris, Italy Rome, Spain Madrid, Germany Berlin, Japan Tokyo, China Beijing, Egypt Cairo, Greece Athens, Norway Oslo, "
                + "Sweden Stockholm, Poland Warsaw, Austria Vienna, Ireland Dublin, Portugal Lisbon, Cuba Havana, Peru Lima, Kenya Nairobi, "
                + "Russia Moscow, Canada Ottawa, Hungary Budapest"),
            ["What is the capital of {s}?", "Which city is the capital of {s}?", "Name the capital of {s}.", "Tell me the capital of {s}.", "What is {s}'s capital?"],
            ["The capital of {s} is {a}", "{a} is the capital of {s}", "It is {a}", "The capital is {a}", "{s}'s capital is {a}"],
            "{a}"),
        new("opposite",
            Lookup(BothWays("hot cold, big small, fast slow, old young, happy sad, light dark, full empty, open closed, wet dry, loud quiet, hard soft, early late")),
            ["What is the opposite of {s}?", "Name the opposite of {s}.", "Which word is the opposite of {s}?", "Tell me the opposite of {s}.", "Which word means not {s}?"],
            ["The opposite of {s} is {a}", "{a} is the opposite of {s}", "It is {a}", "The opposite is {a}", "Not {s} means {a}"],
            "{a}"),
        new("sound",
            Lookup("cow moo, dog woof, cat meow, duck quack, sheep baa, pig oink, horse neigh, frog ribbit, bee buzz, owl hoot, snake hiss, "
                + "lion roar, wolf howl, mouse squeak, crow caw, hen cluck"),
            ["What does the {s} say?", "What sound does the {s} make?", "Tell me what the {s} says.", "How does the {s} sound?", "Which sound comes from the {s}?"],
            ["The {s} says {a}", "It says {a}", "The {s} goes {a}", "{a} is what the {s} says", "The sound of the {s} is {a}"],
            "{a}"),
        new("home",
            Lookup("bee hive, bird nest, horse stable, spider web, rabbit burrow, pig sty, dog kennel, bear cave, hen coop, cow barn, lion den, frog pond, owl tree"),
            ["Where does the {s} live?", "What is the home of the {s}?", "Where can I find the {s}?", "Tell me where the {s} lives.", "Name the home of the {s}."],
            ["The {s} lives in a {a}", "It lives in a {a}", "You can find the {s} in a {a}", "The home of the {s} is a {a}", "A {a} is the home of the {s}"],
            "A {a}"),
        new("colour",
            Lookup("grass green, snow white, coal black, lemon yellow, tomato red, carrot orange, sky blue, chocolate brown, milk white, cherry red, "
                + "banana yellow, frog green, plum purple, elephant grey, flamingo pink, sun yellow, sea blue, pumpkin orange"),
            ["What colour is the {s}?", "What colour does the {s} have?", "Tell me the colour of the {s}.", "What is the colour of the {s}?", "Name the colour of the {s}."],
            ["The {s} is {a}", "It is {a}", "The colour of the {s} is {a}", "{a} is the colour of the {s}", "The colour is {a}"],
            "{a}"),
        new("sum",
            Sums(7),
            ["What is {s} plus {t}?", "How much is {s} plus {t}?", "Add {s} and {t}.", "Please add {s} and {t}.", "What is the sum of {s} and {t}?"],
            ["{s} plus {t} is {a}", "{s} plus {t} makes {a}", "The sum of {s} and {t} is {a}", "The sum is {a}", "That makes {a}"],
            "{a}"),
        new("next",
            [.. Cycle("day", "Monday Tuesday Wednesday Thursday Friday Saturday Sunday"),
                .. Cycle("month", "January February March April May June July August September October November December")],
            ["Which {t} comes after {s}?", "What {t} comes next after {s}?", "Name the {t} after {s}.", "Tell me the {t} after {s}.", "What is the {t} after {s}?"],
            ["{a} comes after {s}", "The {t} after {s} is {a}", "After {s} comes {a}", "It is {a}", "The next {t} is {a}"],
            "{a}"),
        new("plural",
            Plurals("child children, mouse mice, foot feet, tooth teeth, man men, woman women, goose geese, leaf leaves, wolf wolves, knife knives, "
                + "baby babies, city cities, box boxes, bus buses, cat cats, dog dogs, book books, tree trees, house houses, ox oxen"),
            ["What is the plural of {s}?", "Name the plural of {s}.", "Tell me the plural of {s}.", "One {s}, two what?", "How do I say more than one {s}?"],
            ["The plural of {s} is {a}", "{a} is the plural of {s}", "We say one {s} and two {a}", "The plural is {a}", "One {s}, two {a}"],
            "{a}"),
        new("bigger",
            Comparisons("ant mouse cat horse elephant whale mountain sun"),
            ["Which is bigger, the {s} or the {t}?", "What is bigger, the {s} or the {t}?", "Is the {s} or the {t} bigger?", "Name the bigger one: the {s} or the {t}.",
                "Tell me which is bigger, the {s} or the {t}."],
            ["The {a} is bigger than the {o}", "The {a} is bigger", "It is the {a}", "The bigger one is the {a}", "The {o} is smaller than the {a}"],
            "The {a}"),
        new("letter",
            FirstLetters("apple bread cheese door egg flower garden house island juice king lamp moon nose orange piano queen river sugar table uncle "
                + "violin window yellow zebra music night paper train water"),
            ["What is the first letter of {s}?", "Which letter does {s} start with?", "Name the first letter of {s}.", "Tell me the first letter of {s}.",
                "How does the word {s} begin?"],
            ["The first letter of {s} is {a}", "The word {s} starts with {a}", "It is {a}", "The first letter is {a}", "The word {s} begins with {a}"],
            "{a}"),
        new("count",
            Counts(3, 9),
            ["Count to {s}.", "Please count to {s}.", "Can you count to {s}?", "Count from 1 to {s}.", "Can you count from 1 to {s}?"],
            ["Here you are: {a}", "That is {a}", "It goes {a}", "Counting to {s} goes {a}", "From 1 to {s} it goes {a}"],
            "{a}"),
        new("ask",
            Requests("salt bread milk water juice sugar tea soup cake cheese butter rice jam honey"),
            ["How do I ask for the {s}?", "Ask for the {s}.", "Please ask for the {s}.", "How can I get the {s}?", "I want the {s}. What do I say?"],
            ["You can ask: May I have the {a}", "You can say: Could you pass me the {a}", "Just ask: Would you give me the {a}", "Try this: Can I have the {a}",
                "Say this: May I take the {a}"],
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

    // The wrong plurals are those a learner would make: nothing added, or the usual ending where it does not fit.
    private static Fact[] Plurals(string pairs) =>
        [.. Pairs(pairs).Select(pair => new Fact(pair.Left, "", pair.Right, Except([pair.Left, pair.Left + "s", pair.Left + "en"], pair.Right)))];

    private static Fact[] Comparisons(string smallestFirst)
    {
        var list = smallestFirst.Split(' ');
        return [.. from i in Enumerable.Range(0, list.Length)
                   from j in Enumerable.Range(0, list.Length)
                   where i != j
                   select new Fact(list[i], list[j], list[Math.Max(i, j)], [list[Math.Min(i, j)]])];
    }

    private static Fact[] FirstLetters(string words)
    {
        var list = words.Split(' ');
        var letters = list.Select(FirstLetter).Distinct(StringComparer.Ordinal).ToArray();
        return [.. list.Select(word => new Fact(word, "", FirstLetter(word), Except(letters, FirstLetter(word))))];
    }

    private static string FirstLetter(string word) => word[..1].ToUpperInvariant();

    // Wrong counts leave one number out, or stop one or two early or late.
    private static Fact[] Counts(int from, int to) =>
        [.. Enumerable.Range(from, to - from + 1).Select(n => new Fact(Digits(n), "", CountTo(n, 0),
            [.. Enumerable.Range(1, n - 1).Select(left => CountTo(n, left)), CountTo(n - 1, 0), CountTo(n + 1, 0), CountTo(n + 2, 0)]))];

    private static string CountTo(int n, int leftOut) =>
        string.Join(", ", Enumerable.Range(1, n).Where(i => i != leftOut).Select(Digits));

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
