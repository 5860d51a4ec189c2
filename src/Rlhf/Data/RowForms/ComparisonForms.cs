namespace Rlhf.Data.RowForms;

/// <summary>The forms of comparisons and rankings that public data sets have, told by their fields. Each is a file.</summary>
internal static class ComparisonForms
{
    private static readonly (string Name, Func<RowFields, bool> Fits, Func<RowFields, Ranking> Parse)[] Forms =
    [
        ("OpenAI preference", OpenAiPreference.Fits, OpenAiPreference.Parse),
        ("HelpSteer2-preference", HelpSteerPreference.Fits, HelpSteerPreference.Parse),
        ("SHP", Shp.Fits, Shp.Parse),
        ("WebGPT comparisons", WebGpt.Fits, WebGpt.Parse),
        ("TL;DR comparisons", SummaryComparison.Fits, SummaryComparison.Parse),
        ("UltraFeedback", UltraFeedback.Fits, UltraFeedback.Parse),
        ("Nectar", Nectar.Fits, Nectar.Parse),
        ("Argilla ranking", Argilla.Fits, Argilla.Parse),
        ("Chatbot Arena", ArenaForm.Fits, ArenaForm.Parse),
    ];

    private static readonly string[] PromptsAndAnswers =
        ["prompt", "instruction", "messages", "response", "completion", "output", "chosen", "rejected", "responses", "text"];

    /// <summary>The reader of the row's form; null where it has none of them, or where the user says what the row's fields are.</summary>
    public static Func<RowFields, Ranking>? Of(RowFields row) => row.HasNamesFor(PromptsAndAnswers) ? null : Forms.FirstOrDefault(form => form.Fits(row)).Parse;

    /// <summary>The name of the row's form; null where it has none of them.</summary>
    public static string? NameOf(RowFields row) => Forms.FirstOrDefault(form => form.Fits(row)).Name;
}
