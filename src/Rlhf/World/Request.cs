namespace Rlhf.World;

/// <summary>A request of the quickstart world with the truth behind it.</summary>
/// <param name="Prompt">What the model is given.</param>
/// <param name="Kind">The kind of request.</param>
/// <param name="Fact">The fact that it asks for.</param>
/// <param name="Name">The name of the person who asks, or null when none is given.</param>
public sealed record Request(string Prompt, RequestKind Kind, Fact Fact, string? Name)
{
    // Every question without its introduction -> what it asks.
    private static readonly Dictionary<string, (RequestKind Kind, Fact Fact)> Questions = World.Kinds
        .SelectMany(kind => kind.Facts.SelectMany(fact => kind.Phrasings.Select(phrasing => (Text: fact.Fill(phrasing, fact.Answer), kind, fact))))
        .ToDictionary(question => question.Text, question => (question.kind, question.fact), StringComparer.Ordinal);

    // Every introduction that the world knows -> the name in it.
    private static readonly (string Text, string Name)[] KnownIntroductions =
        [.. from introduction in Phrasebook.Introductions from name in Phrasebook.Names select (Introduction(introduction, name), name)];

    /// <summary>Composes a request from its parts; <paramref name="introduction"/> is not used without a name.</summary>
    internal static Request Compose(RequestKind kind, Fact fact, string phrasing, string introduction, string? name) =>
        new((name is null ? "" : Introduction(introduction, name)) + fact.Fill(phrasing, fact.Answer), kind, fact, name);

    /// <summary>Reads a prompt of the quickstart world, white space at its ends aside; null when the grammar cannot have written it.</summary>
    public static Request? TryParse(string prompt)
    {
        var text = prompt.Trim();
        string? name = null;
        foreach (var introduction in KnownIntroductions)
        {
            if (text.StartsWith(introduction.Text, StringComparison.Ordinal))
            {
                (text, name) = (text[introduction.Text.Length..], introduction.Name);
                break;
            }
        }

        return Questions.TryGetValue(text, out var found) ? new Request(prompt, found.Kind, found.Fact, name) : null;
    }

    private static string Introduction(string template, string name) => template.Replace("{n}", name, StringComparison.Ordinal);
}
