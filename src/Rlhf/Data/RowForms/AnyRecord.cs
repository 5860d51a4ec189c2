namespace Rlhf.Data.RowForms;

/// <summary>What a row is read as.</summary>
public enum RecordKind
{
    /// <summary>A prompt with the answer to imitate.</summary>
    Demonstration,

    /// <summary>A prompt with K answers and preferences among them; a comparison is K = 2.</summary>
    Ranking,

    /// <summary>A prompt with one answer, marked good or bad.</summary>
    Labeled,

    /// <summary>A prompt alone.</summary>
    Prompt,

    /// <summary>Plain text.</summary>
    Text,
}

/// <summary>A row read as the kind of record that its fields suggest.</summary>
/// <param name="Kind">The kind.</param>
/// <param name="Demonstration">The record where it is a demonstration.</param>
/// <param name="Ranking">The record where it is a ranking.</param>
/// <param name="Prompt">The record where it is a prompt.</param>
/// <param name="Text">The record where it is plain text.</param>
/// <param name="Labeled">The record where it is an answer marked good or bad.</param>
public sealed record AnyRecord(
    RecordKind Kind, Demonstration? Demonstration = null, Ranking? Ranking = null, PromptRecord? Prompt = null, TextDocument? Text = null,
    LabeledAnswer? Labeled = null)
{
    /// <summary>What is asked; null for a text.</summary>
    public Prompt? Asked => Demonstration?.Prompt ?? Ranking?.Prompt ?? Prompt?.Prompt ?? Labeled?.Prompt;

    /// <summary>What a split hashes.</summary>
    public string SplitKey => Asked?.SplitKey ?? Text!.Group ?? Text.Text;

    /// <summary>Reads a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="source">How: other names for fields, fields to ignore, the format; its files do not matter.</param>
    /// <param name="kind">What to read it as; what its fields suggest where null: rankings first, then demonstrations, text, prompts.</param>
    /// <exception cref="InputException">The row is no such record, or would be left out; with file:line:column.</exception>
    public static AnyRecord Parse(JsonRow row, DataSource source, RecordKind? kind = null) => Parse(row, source, kind, new Ledger("row"));

    /// <summary>The same, with what was noted of the row in the ledger.</summary>
    /// <exception cref="InputException">The row is no such record, or would be left out; with file:line:column.</exception>
    public static AnyRecord Parse(JsonRow row, DataSource source, RecordKind? kind, Ledger ledger)
    {
        return new RecordReader(source, ledger).Parse(row, kind)
            ?? throw new InputException($"{row.Position}: the row is left out: {string.Join(", ", ledger.DroppedByReason.Keys)}.");
    }

    /// <summary>The same as one of a group that stays on one side of a split.</summary>
    public AnyRecord OfGroup(string group) => this with
    {
        Demonstration = Demonstration is { } shown ? shown with { Prompt = shown.Prompt with { Group = group } } : null,
        Ranking = Ranking is { } ranked ? ranked with { Prompt = ranked.Prompt with { Group = group } } : null,
        Prompt = Prompt is { } asked ? asked with { Prompt = asked.Prompt with { Group = group } } : null,
        Text = Text is { } text ? text with { Group = group } : null,
        Labeled = Labeled is { } labeled ? labeled with { Prompt = labeled.Prompt with { Group = group } } : null,
    };

    /// <summary>What a row's fields suggest that it is.</summary>
    internal static RecordKind Suggested(RowFields row)
    {
        if (RankingParser.Fits(row))
        {
            return RecordKind.Ranking;
        }

        if (LabeledParser.Fits(row))
        {
            return RecordKind.Labeled;
        }

        var asks = row.Has("prompt") || row.Has("instruction");
        if ((DemonstrationParser.HasResponse(row) && asks) || PromptParser.ConversationOf(row) is { } name && HasAnswer(row, name))
        {
            return RecordKind.Demonstration;
        }

        if (row.Has("text"))
        {
            return RecordKind.Text;
        }

        if (WorkedAnswer.Fits(row))
        {
            return RecordKind.Prompt;
        }

        if (!asks && PromptParser.ConversationOf(row) is null)
        {
            throw row.Missing(
                "the fields of a demonstration, a comparison, a ranking, a prompt or a text (name them with fields if they are called otherwise)");
        }

        return DemonstrationParser.EmptyResponseOf(row) is { } empty
            ? throw row.Missing($"a response, and {empty} is null (to read the row as a prompt, ask for prompts: --as prompt, or the key prompts)")
            : RecordKind.Prompt;
    }

    private static bool HasAnswer(RowFields row, string conversation) =>
        row.Peek(conversation)!.Items is var turns && (turns.Count == 0 || turns.Any(turn => !IsUser(turn)));

    private static bool IsUser(RowValue turn) =>
        (turn.Properties.GetValueOrDefault("role") ?? turn.Properties.GetValueOrDefault("from"))?.Text is "user" or "human" or "system" or "developer";
}
