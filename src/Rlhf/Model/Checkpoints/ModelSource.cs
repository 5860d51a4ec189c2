using System.Text.Json.Nodes;

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
        "vocab.json", "merges.txt", "tokenizer.model", "chat_template.jinja", "chat_template.json",
    ];

    internal static ModelSource Read(string folder, JsonObject config) => new(config, CarriedFiles
        .Where(name => File.Exists(Path.Combine(folder, name)))
        .ToDictionary(name => name, name => CheckpointJson.ReadBytes(Path.Combine(folder, name)), StringComparer.Ordinal));
}
