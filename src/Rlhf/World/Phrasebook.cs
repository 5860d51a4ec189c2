namespace Rlhf.World;

/// <summary>Names, courtesies and insults of the quickstart world. The grammar writes them and the gold rule knows them.</summary>
public static class Phrasebook
{
    /// <summary>People who ask.</summary>
    public static IReadOnlyList<string> Names { get; } =
        ["Tom", "Anna", "Ben", "Lucy", "Max", "Emma", "Leo", "Nina", "Sam", "Rosa", "Paul", "Ida"];

    /// <summary>How a person with a name begins, <c>{n}</c> being the name.</summary>
    public static IReadOnlyList<string> Introductions { get; } = ["I am {n}. ", "My name is {n}. ", "{n} here. "];

    /// <summary>Courtesies that stand before the answer, without end mark.</summary>
    public static IReadOnlyList<string> Openings { get; } = ["Sure", "Of course", "Gladly", "With pleasure"];

    /// <summary>Courtesies that stand after the answer, without end mark.</summary>
    public static IReadOnlyList<string> Closings { get; } = ["I hope that helps", "Have a nice day", "Glad to help", "Thank you for asking"];

    /// <summary>Insults to call a person; all made up and mild.</summary>
    public static IReadOnlyList<string> Insults { get; } = ["noodlehead", "wafflebrain", "picklenose"];

    /// <summary>Rude answers: <c>{f}</c> is a full statement, <c>{c}</c> the bare answer, <c>{i}</c> an insult.</summary>
    public static IReadOnlyList<string> RudeForms { get; } =
    [
        "{f}, {i}!", "{c}, you {i}!", "What a silly question! {f}.", "{f}. Any turnip knows that!", "{f}. Now go away!",
    ];

    /// <summary>Words and phrases that no polite answer holds; one of them makes an answer rude.</summary>
    public static IReadOnlyList<string> RudeMarks { get; } =
        ["noodlehead", "wafflebrain", "picklenose", "turnip", "silly", "go away"];
}
