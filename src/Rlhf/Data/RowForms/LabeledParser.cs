using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>
/// Single answers marked good or bad (KTO, Ethayarajh 2024): TRL's <c>prompt</c>, <c>completion</c>, <c>label</c>, or LLaMA-Factory's rows with <c>kto_tag</c>.
/// Of a false label the answer is one to avoid, and nothing but a record of its own may come of it.
/// </summary>
internal static class LabeledParser
{
    private static readonly string[] Labels = ["label", "kto_tag"];
    private static readonly string[] Answers = ["completion", "response", "output"];

    public static bool Fits(RowFields row) =>
        LabelOf(row) is { } name && IsLabel(row, name)
            && (Answers.Any(row.Has) ? row.Has("prompt") || row.Has("instruction") : PromptParser.ConversationOf(row) is not null);

    public static LabeledAnswer Parse(RowFields row)
    {
        var name = LabelOf(row) ?? throw row.Missing("an answer with a label (the field label or kto_tag, true or false)");
        var label = row.Get(name);
        var desirable = label.Kind == JsonValueKind.True || label.Text is "1" or "true" or "True"
            || (label.Kind == JsonValueKind.False || label.Text is "0" or "false" or "False" ? false : throw row.Error(label, "true or false"));
        var demonstration = DemonstrationParser.Parse(row);
        return new LabeledAnswer(demonstration.Id, demonstration.Prompt, demonstration.Answer, desirable, row.Position);
    }

    private static string? LabelOf(RowFields row) => Labels.FirstOrDefault(row.Has);

    private static bool IsLabel(RowFields row, string name) => row.Peek(name)! is var label
        && (label.Kind is JsonValueKind.True or JsonValueKind.False || label is { Kind: JsonValueKind.Number, Text: "0" or "1" }
            || label is { Kind: JsonValueKind.String, Text: "true" or "false" or "True" or "False" or "0" or "1" });
}
