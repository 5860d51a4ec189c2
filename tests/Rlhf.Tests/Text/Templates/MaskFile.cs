using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Text;

namespace Rlhf.Tests.Text.Templates;

/// <summary>
/// A file of <c>cases/masks</c>: a tokenizer of an npm package (<c>tests/tokenizers</c>), a chat template, conversations, and the ids that are right. The
/// packages' tokenizers are put
/// together with the file's template and tokens in a temporary model folder.
/// </summary>
internal sealed class MaskFile : IDisposable
{
    private static readonly string Packages = Path.Combine(ReferenceFiles.Repository, "tests", "tokenizers", "node_modules");

    private readonly TestFolder _model = new();

    private MaskFile(JsonObject json)
    {
        Cases = [.. json["cases"]!.AsArray().Select(item => item!.AsObject())];
        var source = Path.Combine(Packages, json["package"]!.GetValue<string>(), "models");
        Write("tokenizer.json", WithTokens(Read(Path.Combine(source, "tokenizer.json")), json["added_tokens"]?.AsArray() ?? []));
        var config = Read(Path.Combine(source, "tokenizer_config.json"));
        config["chat_template"] = TemplateOf(json, config);
        foreach (var (name, token) in json["special_tokens"]?.AsObject() ?? [])
        {
            config[name] = token?.DeepClone();
        }

        Write("tokenizer_config.json", config);
        if (json["generation_config"] is JsonObject generation)
        {
            Write("generation_config.json", generation);
        }

        Tokenizer = Tokenizer.Load(_model.Path);
    }

    /// <summary>The folder of the files; that of <c>RLHF_REFERENCE</c> where it has one.</summary>
    public static string Folder { get; } = ReferenceFiles.PathOf("masks") is var own && Directory.Exists(own)
        ? own
        : Path.Combine(ReferenceFiles.DataFolder, "..", "cases", "masks");

    /// <summary>The names of the files whose tokenizers are installed.</summary>
    public static IEnumerable<string> Installed => !Directory.Exists(Folder) ? [] : Directory.GetFiles(Folder, "*.json").Order(StringComparer.Ordinal)
        .Where(file => Directory.Exists(Path.Combine(Packages, Read(file)["package"]!.GetValue<string>())) && HasTemplate(Read(file)))
        .Select(file => Path.GetFileName(file));

    public Tokenizer Tokenizer { get; }

    public IReadOnlyList<JsonObject> Cases { get; }

    public static MaskFile Open(string name) => new(Read(Path.Combine(Folder, name)));

    public void Dispose() => _model.Dispose();

    private static bool HasTemplate(JsonObject json) => json["template_source"]!["pypi"] is null || File.Exists(TemplateFile(json));

    private static string TemplateFile(JsonObject json) =>
        Path.Combine(Folder, $"trl-{json["template_source"]!["version"]!.GetValue<string>()}", json["template_source"]!["file"]!.GetValue<string>());

    private static string TemplateOf(JsonObject json, JsonObject config)
    {
        var source = json["template_source"]!;
        var text = source["template"]?.GetValue<string>() ?? (source["pypi"] is not null
            ? File.ReadAllText(TemplateFile(json))
            : config["chat_template"]!.GetValue<string>());
        foreach (var edit in json["template_edits"]?.AsArray() ?? [])
        {
            text = edit is JsonArray pair
                ? text.Replace(pair[0]!.GetValue<string>(), pair[1]!.GetValue<string>(), StringComparison.Ordinal)
                : text.Replace(edit!["from"]!.GetValue<string>(), edit["to"]!.GetValue<string>(), StringComparison.Ordinal);
        }

        return text;
    }

    private static JsonObject WithTokens(JsonObject tokenizer, JsonArray more)
    {
        if (more.Count == 0)
        {
            return tokenizer;
        }

        var added = tokenizer["added_tokens"]!.AsArray();
        var next = added.Select(token => token!["id"]!.GetValue<int>())
            .Concat(tokenizer["model"]!["vocab"]!.AsObject().Select(entry => entry.Value!.GetValue<int>())).Max() + 1;
        foreach (var token in more)
        {
            added.Add(new JsonObject
            {
                ["id"] = next++,
                ["content"] = token!["content"]!.GetValue<string>(),
                ["special"] = token["special"]?.GetValue<bool>() ?? true,
                ["rstrip"] = token["rstrip"]?.GetValue<bool>() ?? false,
                ["lstrip"] = false,
                ["single_word"] = false,
                ["normalized"] = false,
            });
        }

        return tokenizer;
    }

    private static JsonObject Read(string file) => JsonNode.Parse(File.ReadAllBytes(file))!.AsObject();

    private void Write(string name, JsonObject json) => File.WriteAllText(
        _model.PathOf(name), json.ToJsonString(new JsonSerializerOptions { Encoder = System.Text.Encodings.Web.JavaScriptEncoder.UnsafeRelaxedJsonEscaping }));
}
