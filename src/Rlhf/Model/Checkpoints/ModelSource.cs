using System.Text.Json.Nodes;
using Rlhf.Model.Families;
using Rlhf.Text;

namespace Rlhf.Model.Checkpoints;

/// <summary>What a model folder has beside the weights, kept so that a model trained from it can be written in the same form.</summary>
/// <param name="Config">Its <c>config.json</c>.</param>
/// <param name="Files">Bytes of its tokenizer files and generation defaults, by file name.</param>
public sealed record ModelSource(JsonObject Config, IReadOnlyDictionary<string, byte[]> Files)
{
    internal const string ConfigFile = "config.json";
    internal const string GenerationFile = "generation_config.json";

    private static readonly string[] CarriedFiles =
    [
        GenerationFile, "tokenizer.json", "tokenizer_config.json", "special_tokens_map.json", "added_tokens.json",
        "vocab.json", "merges.txt", "tokenizer.model", ChatTemplateFile.JinjaFile, ChatTemplateFile.JsonFile,
    ];

    /// <summary>The same with more tokens that end an answer in <c>generation_config.json</c>, so that other programs stop where this one does.</summary>
    public ModelSource WithEndIds(IReadOnlyList<int> ids)
    {
        var config = DecoderConfigReader.Read(DecoderConfigWriter.ToElement(Config), ConfigFile);
        var json = Files.TryGetValue(GenerationFile, out var bytes)
            ? JsonObject.Create(StrictJson.Object(GenerationFile, bytes))!
            : new JsonObject { ["_from_model_config"] = true, ["bos_token_id"] = config.BosTokenId };
        int[] before = json["eos_token_id"] switch
        {
            JsonArray list => [.. list.Select(id => id!.GetValue<int>())],
            JsonValue one => [one.GetValue<int>()],
            _ => [.. config.EosTokenIds],
        };
        if (ids.All(before.Contains))
        {
            return this;
        }

        json["eos_token_id"] = new JsonArray([.. before.Union(ids).Select(id => JsonValue.Create(id))]);
        return this with
        {
            Files = new Dictionary<string, byte[]>(Files,
            StringComparer.Ordinal)
            { [GenerationFile] = System.Text.Encoding.UTF8.GetBytes(DecoderConfigWriter.ToText(json)) }
        };
    }

    internal static ModelSource Read(string folder, JsonObject config) => new(config, FilesOf(folder));

    /// <summary>The same with the files that stand in an adapter's own folder.</summary>
    internal ModelSource WithFilesOf(string folder)
    {
        var files = new Dictionary<string, byte[]>(Files, StringComparer.Ordinal);
        foreach (var (name, bytes) in FilesOf(folder))
        {
            files[name] = bytes;
        }

        return this with { Files = files };
    }

    private static Dictionary<string, byte[]> FilesOf(string folder) => CarriedFiles
        .Where(name => File.Exists(Path.Combine(folder, name)))
        .ToDictionary(name => name, name => WholeFile.Bytes(Path.Combine(folder, name), Limits.TokenizerFile), StringComparer.Ordinal);
}
