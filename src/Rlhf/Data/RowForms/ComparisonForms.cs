namespace Rlhf.Data.RowForms;

/// <summary>The forms of comparisons and rankings that public data sets have, told by their fields. Each is a file.</summary>
internal static class ComparisonForms
{
    private static readonly (Func<RowFields, bool> Fits, Func<RowFields, Ranking> Parse)[] Forms =
    [
        (OpenAiPreference.Fits, OpenAiPreference.Parse),
        (HelpSteerPreference.Fits, HelpSteerPreference.Parse),
        (Shp.Fits, Shp.Parse),
        (WebGpt.Fits, WebGpt.Parse),
        (SummaryComparison.Fits, SummaryComparison.Parse),
        (UltraFeedback.Fits, UltraFeedback.Parse),
        (Nectar.Fits, Nectar.Parse),
        (Argilla.Fits, Argilla.Parse),
        (ArenaForm.Fits, ArenaForm.Parse),
    ];

    private static readonly string[] PromptsAndAnswers =
        ["prompt", "instruction", "messages", "response", "completion", "output", "chosen", "rejected", "responses", "text"];

    /// <summary>The reader of the row's form; null where it has none of them, or where the user says what the row's fields are.</summary>
    public static Func<RowFields, Ranking>? Of(RowFields row) => row.HasNamesFor(PromptsAndAnswers) ? null : Forms.FirstOrDefault(form => form.Fits(row)).Parse;
}
