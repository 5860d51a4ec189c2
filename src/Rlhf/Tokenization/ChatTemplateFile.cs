using System.Text;
using System.Text.Json;

namespace Rlhf.Tokenization;

/// <summary>Finds the chat template among a tokenizer's files.</summary>
internal static class ChatTemplateFile
{
    /// <summary>The file that holds a template alone.</summary>
    public const string JinjaFile = "chat_template.jinja";

    /// <summary>Another one, of processors; not read here.</summary>
    public const string JsonFile = "chat_template.json";

    /// <summary>Reads chat_template.jinja, else <c>chat_template</c> of tokenizer_config.json (of several the one called default); null for none.</summary>
    public static ChatTemplate? Read(TokenizerFiles files, SpecialTokens special)
    {
        if (files.Has(JinjaFile))
            return ChatTemplate.Parse(Encoding.UTF8.GetString(files.Content(JinjaFile)), special.BeginningText, special.EndText, files.PathOf(JinjaFile));
        var json = files.Json(TokenizerFiles.Config)["chat_template"];
        if (json.Element.ValueKind == JsonValueKind.Array)
        {
            json = json.Items().FirstOrDefault(item => item["name"].Text() == "default") is { File: not null } found
                ? found["template"]
                : throw json.Refuse("none of the templates is called default");
        }

        return json.IsNull ? null : ChatTemplate.Parse(json.Text(), special.BeginningText, special.EndText, $"{json.File}: chat_template");
    }
}
