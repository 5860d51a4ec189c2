using System.Text.Json.Nodes;
using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>The chat template that writes conversations as a format does, for other programs, which know chat templates and no formats of ours.</summary>
internal static class ExportedTemplate
{
    private const string Key = "chat_template";

    // What no text of a format has.
    private const string Place = "\0";

    private static readonly string[] GenerationTags = ["{%- generation %}", "{%- endgeneration %}"];

    private static readonly string[] SpaceMarks = [" ", @"\n", @"\r", @"\t"];

    /// <summary>A tokenizer's files with the template of a format in place of their own; as they are where the format has no template.</summary>
    /// <param name="files">Bytes by file name.</param>
    /// <param name="format">How the model was trained.</param>
    public static IReadOnlyDictionary<string, byte[]> NameIn(IReadOnlyDictionary<string, byte[]> files, FormatOptions format)
    {
        if (Of(format) is not { } template)
        {
            return files;
        }

        var result = new Dictionary<string, byte[]>(files, StringComparer.Ordinal);
        // They would come first.
        result.Remove(ChatTemplateFile.JinjaFile);
        result.Remove(ChatTemplateFile.JsonFile);
        TokenizerSettings.Change(result, TokenizerFiles.Config, whenAbsent: new JsonObject(), json => json[Key] = template);
        return result;
    }

    /// <summary>The template; null for a format that is none of a conversation, or the tokenizer's own.</summary>
    public static string? Of(FormatOptions format) => format.Template switch
    {
        FormatTemplate.Chatml => WithoutGeneration(BuiltInTemplates.ChatMl),
        FormatTemplate.HumanAssistant => WithoutGeneration(BuiltInTemplates.HumanAssistant),
        FormatTemplate.Custom => OfTexts(format),
        _ => null,
    };

    // Only Transformers knows the tags; every tag beside them takes the white space around itself away.
    private static string WithoutGeneration(string template) =>
        GenerationTags.Aggregate(template, (text, tag) => text.Replace(tag, "", StringComparison.Ordinal));

    /// <summary>One prompt and one response: a single turn of the user is the prompt, several turns are their transcript. Null where the prompt's text names
    /// other fields of a row.</summary>
    private static string? OfTexts(FormatOptions format)
    {
        var prompt = new TextTemplate(format.Prompt!, "format.prompt");
        try
        {
            var response = new TextTemplate(format.Response, "format.response");
            return BuiltInTemplates.Custom(Around(prompt, "prompt"), Once(Format.LeadOf(response), Around(response, "answer")));
        }
        catch (InputException)
        {
            return null; // a field that a conversation does not have
        }
    }

    /// <summary>The expression of a text around a variable; optional parts of the text vanish with an empty one.</summary>
    private static string Around(TextTemplate text, string variable)
    {
        var (full, empty) =
            (text.Render(name => name is "prompt" or "response" ? Place : null, ""), text.Render(name => name is "prompt" or "response" ? "" : null, ""));
        var parts = string.Join($" + {variable} + ", full.Split(Place).Select(Quoted));
        return full.Replace(Place, "", StringComparison.Ordinal) == empty ? parts : $"({parts} if {variable} else {Quoted(empty)})";
    }

    // White space in front of the answer stands once, as in Format. Not every program's startswith takes several beginnings.
    private static string Once(string lead, string response) => lead.Length == 0 ? response
        : $"({response})[{lead.Length} if {string.Join(" or ", SpaceMarks.Select(static mark => $"answer.startswith('{mark}')"))} else 0:]";

    private static string Quoted(string text) => "'" + text.Replace(@"\", @"\\", StringComparison.Ordinal).Replace("'", @"\'", StringComparison.Ordinal)
        .Replace("\n", @"\n", StringComparison.Ordinal).Replace("\r", @"\r", StringComparison.Ordinal).Replace("\t", @"\t", StringComparison.Ordinal) + "'";
}
