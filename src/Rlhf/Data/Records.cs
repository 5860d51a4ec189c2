namespace Rlhf.Data;

/// <summary>A prompt with the answer to imitate.</summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Prompt">What is asked.</param>
/// <param name="Answer">The assistant's last turn; its text is empty only where it calls tools instead.</param>
/// <param name="TrainOnAllTurns">Whether the assistant's earlier turns in the prompt are trained on too (rows of <c>messages</c>).</param>
/// <param name="Position">Where the row stands.</param>
public sealed record Demonstration(string Id, Prompt Prompt, Message Answer, bool TrainOnAllTurns, RowPosition Position)
{
    /// <summary>The answer's text.</summary>
    public string Response => Answer.Content;
}

/// <summary>An answer that somebody marked as good or bad, without another one beside it (KTO).</summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Prompt">What is asked.</param>
/// <param name="Answer">The assistant's turn.</param>
/// <param name="Desirable">False for an answer to avoid.</param>
/// <param name="Position">Where the row stands.</param>
public sealed record LabeledAnswer(string Id, Prompt Prompt, Message Answer, bool Desirable, RowPosition Position);

/// <summary>Plain text for pretraining and for mixing pretraining gradients into PPO (ptx).</summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Text">The text; never empty.</param>
/// <param name="Position">Where the row stands.</param>
public sealed record TextDocument(string Id, string Text, RowPosition Position)
{
    /// <summary>Whose rows stay on one side of a split, where the source says by which field; null where the text decides.</summary>
    public string? Group { get; init; }
}

/// <summary>A prompt without an answer.</summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Prompt">What is asked.</param>
/// <param name="Position">Where the row stands.</param>
public sealed record PromptRecord(string Id, Prompt Prompt, RowPosition Position)
{
    /// <summary>The row's fields that hold what a right answer is, by the names that <see cref="DataSource.References"/> asks for.</summary>
    public IReadOnlyDictionary<string, string> References { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);
}

/// <summary>
/// One prompt with K answers and which of them a labeler found better (Ouyang 2022, section 3.5: K = 4 to 9). A comparison
/// (<c>chosen</c>/<c>rejected</c>) is K = 2 with the chosen answer first. Preferences may be intransitive.
/// </summary>
/// <param name="Id">The row's <c>id</c>, or <c>file:line</c>.</param>
/// <param name="Prompt">What is asked.</param>
/// <param name="Responses">The K answers, K >= 2.</param>
/// <param name="Tiers">Where the row gives tiers: answers by index, best tier first, ties share a tier. Null where it gives pairs.</param>
/// <param name="Pairs">Every strict preference, as indices into <paramref name="Responses"/>; tiers are expanded into it.</param>
/// <param name="Ties">Every pair judged equal.</param>
/// <param name="Margins">Per entry of <paramref name="Pairs"/>: by how much the score should differ (Touvron 2023), where the row says so.</param>
/// <param name="Labeler">Who judged.</param>
/// <param name="Weight">The row's weight in the loss, 1 unless given.</param>
/// <param name="Position">Where the row stands.</param>
public sealed record Ranking(
    string Id,
    Prompt Prompt,
    IReadOnlyList<string> Responses,
    IReadOnlyList<IReadOnlyList<int>>? Tiers,
    IReadOnlyList<(int Better, int Worse)> Pairs,
    IReadOnlyList<(int First, int Second)> Ties,
    IReadOnlyList<double>? Margins,
    string? Labeler,
    double Weight,
    RowPosition Position)
{
    /// <summary>[K] the answers as turns of the assistant, where the row gives them as messages with more than a text; null where they are texts.</summary>
    public IReadOnlyList<Message>? Turns { get; init; }

    /// <summary>An answer as a turn of the assistant.</summary>
    public Message Answer(int index) => Turns?[index] ?? Message.FromAssistant(Responses[index]);
}
