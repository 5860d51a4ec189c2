using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>
/// The rule for fields that nothing has read: a row whose unread field changes what it means is an error, all other unread fields are named in the ledger.
/// Nobody is trained on an answer to avoid because its label had another name.
/// </summary>
public static class UnreadFields
{
    private const string Cure = "read it under another name with fields, take it out of the row, or name it under ignore to leave it out";

    /// <summary>Refuses a row with an unread field that has a meaning for what the row was read as.</summary>
    /// <param name="row">The row, read.</param>
    /// <param name="kind">What it was read as.</param>
    /// <param name="onlyAsked">Whether only what is asked is wanted, as where prompts are read from rows of any kind: then other answers and what is thought of
    /// them are beside the point.</param>
    /// <param name="format">The format of the rows, whose text may name fields of its own.</param>
    /// <returns>The paths of the unread fields that mean nothing here, for the ledger.</returns>
    /// <exception cref="InputException">A field has a meaning; with its place.</exception>
    public static IReadOnlyList<string> Check(RowFields row, RecordKind kind, bool onlyAsked = false, FormatOptions? format = null)
    {
        var named = format is null ? [] : TextTemplate.FieldsOf(format).ToHashSet(StringComparer.Ordinal);
        RequireNamed(row, format, named);
        HashSet<string> aside = new(StringComparer.Ordinal);
        foreach (var field in row.Unread.Where(field => !named.Contains(field.Path)))
        {
            var meaning = field.Known ? FieldMeaning.None : FieldMeanings.Of(field.Name, field.Value);
            if (Matters(meaning, kind, onlyAsked))
            {
                throw row.Wrong(field.Value, Sentence(field.Path, meaning, kind) + RefusedForms.AdviceFor(row));
            }

            aside.Add(field.Path);
        }

        return [.. aside];
    }

    private static bool Matters(FieldMeaning meaning, RecordKind kind, bool onlyAsked) => meaning switch
    {
        FieldMeaning.None => false,
        FieldMeaning.Asked or FieldMeaning.Withdrawn => true,
        FieldMeaning.Answers or FieldMeaning.Judgement => !onlyAsked,
        _ => kind is RecordKind.Text, // A single answer beside a prompt is its reference, beside other answers one more: neither is trained on.
    };

    private static string Sentence(string path, FieldMeaning meaning, RecordKind kind)
    {
        var what = SnakeCase.Of(kind);
        var says = meaning switch
        {
            FieldMeaning.Asked => "belongs to what is asked",
            FieldMeaning.Withdrawn => "says that the row is not to be used",
            FieldMeaning.Judgement => "says how good an answer is or how much it counts",
            _ => "holds an answer",
        };
        var take = kind == RecordKind.Demonstration && path is "chosen" or "rejected" ? "set take to learn from an answer of a comparison, " : "";
        return $"the field \"{path}\" {says}, and nothing reads it in a {what}: {take}{Cure}";
    }

    /// <summary>A custom format writes the fields that its text names and no others: one that was read into the prompt must not fall away there.</summary>
    private static void RequireNamed(RowFields row, FormatOptions? format, HashSet<string> named)
    {
        if (format is not { Template: FormatTemplate.Custom })
        {
            return;
        }

        // Without a text of that name, {prompt} is the whole prompt, with all that was read into it but tools.
        var writesWhole = named.Contains("prompt") && row.Peek("prompt") is not { Kind: JsonValueKind.String };
        foreach (var name in PromptParser.AskedBeside.Where(name => !named.Contains(name) && !(writesWhole && name != "tools") && row.IsRead(name)))
        {
            if (row.Peek(name) is { } value && FieldMeanings.Of(name, value) == FieldMeaning.Asked)
            {
                throw row.Wrong(
                    value, $"the row has the field \"{name}\", and the custom format's text does not name it: put {{{name}}} into format.prompt, or name the field under ignore to leave it out");
            }
        }
    }
}
