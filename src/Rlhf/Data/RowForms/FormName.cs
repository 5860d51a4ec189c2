namespace Rlhf.Data.RowForms;

/// <summary>Names the form of a row, for people.</summary>
public static class FormName
{
    private static readonly (Func<RowFields, bool> Fits, string Name)[] Names =
    [
        (row => row.Has("responses"), "responses with a ranking"),
        (row => row.Has("chosen") && row.Has("rejected"), "chosen and rejected"),
        (LabeledParser.Fits, "answers marked good or bad (KTO)"),
        (WorkedAnswer.Fits, "questions with worked answers (GSM8K)"),
        (row => row.Has("conversations"), "conversations (ShareGPT)"),
        (row => row.Has("messages"), "messages (OpenAI)"),
        (row => row.Has("instruction"), "instructions (Alpaca, Dolly)"),
        (row => row.Has("prompt"), "prompts, with or without an answer"),
        (row => row.Has("text"), "plain text"),
    ];

    /// <summary>The form of a row; null where it has none that is known, or cannot be parsed.</summary>
    public static string? Of(JsonRow row, DataSource source)
    {
        try
        {
            var fields = new RowFields(row, source.Fields, source.Ignore);
            return ComparisonForms.NameOf(fields) ?? Names.FirstOrDefault(form => form.Fits(fields)).Name;
        }
        catch (InputException)
        {
            return null;
        }
    }
}
