namespace Rlhf.Data;

/// <summary>What a row is read as.</summary>
public enum RecordKind
{
    /// <summary>A prompt with the answer to imitate.</summary>
    Demonstration,

    /// <summary>A prompt with K answers and preferences among them; a comparison is K = 2.</summary>
    Ranking,

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
public sealed record AnyRecord(RecordKind Kind, Demonstration? Demonstration = null, Ranking? Ranking = null, PromptRecord? Prompt = null, TextDocument? Text = null)
{
    /// <summary>Reads a row.</summary>
    /// <param name="row">The row.</param>
    /// <param name="names">Our field names to the data's, where they differ.</param>
    /// <param name="kind">What to read it as; what its fields suggest where null: rankings first, then demonstrations, text, prompts.</param>
    /// <exception cref="InputException">The row is no such record; with file:line:column.</exception>
    public static AnyRecord Parse(JsonRow row, IReadOnlyDictionary<string, string> names, RecordKind? kind = null)
    {
        var fields = new RowFields(row, names);
        var asked = kind ?? Suggested(fields);
        return asked switch
        {
            RecordKind.Demonstration => new AnyRecord(asked, Demonstration: DemonstrationParser.Parse(fields)),
            RecordKind.Ranking => new AnyRecord(asked, Ranking: RankingParser.Parse(fields)),
            RecordKind.Text => new AnyRecord(asked, Text: DataReader.ParseText(fields)),
            _ => new AnyRecord(asked, Prompt: DataReader.ParsePromptRecord(fields)),
        };
    }

    private static RecordKind Suggested(RowFields row)
    {
        if (row.Has("responses") || (row.Has("chosen") && row.Has("rejected")))
        {
            return RecordKind.Ranking;
        }

        if (row.Has("messages") || (DemonstrationParser.HasResponse(row) && (row.Has("prompt") || row.Has("instruction"))))
        {
            return RecordKind.Demonstration;
        }

        if (row.Has("text"))
        {
            return RecordKind.Text;
        }

        return row.Has("prompt") || row.Has("instruction")
            ? RecordKind.Prompt
            : throw row.Missing("the fields of a demonstration, a comparison, a ranking, a prompt or a text (name them with fields if they are called otherwise)");
    }
}
