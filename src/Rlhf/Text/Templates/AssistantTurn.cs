namespace Rlhf.Text.Templates;

/// <summary>How the place of a turn in the rendered conversation was told.</summary>
public enum TurnPlace
{
    /// <summary>The text begins with the generation prompt; what follows is the answer.</summary>
    Prompt,

    /// <summary>The text differs from the generation prompt, but the turn's header stands in it.</summary>
    Header,

    /// <summary>The template marks the answer with generation blocks.</summary>
    Tags,
}

/// <summary>One turn of the assistant as text: one training example.</summary>
/// <param name="Prompt">Everything in front of what is trained.</param>
/// <param name="Answer">What is trained, and behind it what the format writes after an answer; cut at the first end-of-turn token.</param>
/// <param name="Place">How the place was told.</param>
public sealed record AssistantTurn(string Prompt, string Answer, TurnPlace Place)
{
    /// <summary>The turn's own text.</summary>
    public string Content { get; init; } = "";

    /// <summary>UTF-16 units at the end of <see cref="Answer"/> that the format writes behind the turn's text; asked for only where no end-of-turn token ends
    /// it.</summary>
    public Func<int> TailLength { get; init; } = () => 0;

    /// <summary>Whether the template ends the turn elsewhere, so that no end-of-sequence token is put behind.</summary>
    public bool EndsElsewhere { get; init; }

    /// <summary>The share of the turn's text, 0 to 1, that the template leaves out.</summary>
    public double DroppedShare { get; init; }

    /// <summary>The role of a message before the turn of which nothing, or not all, stands in <see cref="Prompt"/>; null where everything does.</summary>
    public string? LostRole { get; init; }
}
