using System.Text.Json.Nodes;
using Rlhf.Model.Families;

namespace Rlhf.Model.Checkpoints;

/// <summary>How a model folder is written.</summary>
public sealed record SaveOptions
{
    /// <summary>F32, F16 or BF16. The bias of a scalar head is always F32.</summary>
    public TensorType Type { get; init; } = TensorType.F32;

    /// <summary>Most bytes of tensors in one file; more are written as shards with an index. A larger tensor has a file of its own.</summary>
    public long MaxShardBytes { get; init; } = 5_000_000_000;

    /// <summary>Makes it a reward model: this head instead of the language head.</summary>
    public ScoreHead? Score { get; init; }

    /// <summary>
    /// In a reward model the token that fills up the shorter rows of a batch: other programs read the score at the last token that is another one. Null: the
    /// source's, unless it
    /// ends answers; then there is none, and they score one answer at a time.
    /// </summary>
    public int? PaddingId { get; init; }

    /// <summary>The folder that the model was trained from: its configuration is kept but for what changed, its tokenizer carried along.</summary>
    public ModelSource? Source { get; init; }
}

/// <summary>
/// Writes model folders in Hugging Face form. The same model always gives the same bytes. Not atomic by itself: call it inside
/// <see cref="DurableFiles.ReplaceFolderAtomically"/>.
/// </summary>
public static class HuggingFaceWriter
{
    /// <summary>Writes a model to a folder that has none yet.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="config">What the model is.</param>
    /// <param name="parameters">The flat buffer, in the layout of the configuration.</param>
    /// <param name="options">The form.</param>
    /// <exception cref="RunFailedException">A number does not fit into the type.</exception>
    public static void Save(string folder, DecoderConfig config, float[] parameters, SaveOptions options)
    {
        var layout = new ParameterLayout(config);
        if (parameters.Length != layout.Length)
        {
            throw new ArgumentException($"The buffer has {parameters.Length} floats, the model needs {layout.Length}.", nameof(parameters));
        }

        Save(folder, config, ReaderOf(parameters), options);
    }

    /// <summary>Writes a model to a folder that has none yet.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="config">What the model is.</param>
    /// <param name="parameters">Gives the numbers of the flat buffer, in the layout of the configuration.</param>
    /// <param name="options">The form.</param>
    /// <exception cref="RunFailedException">A number does not fit into the type.</exception>
    public static void Save(string folder, DecoderConfig config, FloatReader parameters, SaveOptions options)
    {
        Directory.CreateDirectory(folder);
        if (Directory.EnumerateFiles(folder, "*.safetensors").Any())
        {
            throw new InvalidOperationException($"{folder} holds a model already; a second one must not be mixed into it.");
        }

        var tensors = Tensors(config, parameters, options.Type).ToList();
        if (options.Score is { } score)
        {
            if (score.Weight.Length != config.EmbeddingWidth)
            {
                throw new ArgumentException($"The scalar head has {score.Weight.Length} weights, the model gives {config.EmbeddingWidth} numbers to its heads.", nameof(options));
            }

            tensors.RemoveAll(tensor => tensor.Name == config.Family.Tensors.Head || tensor.Name == config.Family.Tensors.HeadBias);
            tensors.Add(new(ScoreHead.WeightName, [1, config.EmbeddingWidth], options.Type, ReaderOf(score.Weight)));
            if (score.Bias != 0)
            {
                tensors.Add(new(ScoreHead.BiasName, [1], TensorType.F32, ReaderOf([score.Bias])));
            }
        }

        WriteTensors(folder, tensors, options.MaxShardBytes);
        WriteText(folder, ModelSource.ConfigFile, ConfigOf(config, options));
        WriteCarriedFiles(folder, config, options.Source);
    }

    private static FloatReader ReaderOf(float[] numbers) => (first, destination) => numbers.AsSpan((int)first, destination.Length).CopyTo(destination);

    private static IEnumerable<TensorToWrite> Tensors(DecoderConfig config, FloatReader parameters, TensorType type) => new ParameterLayout(config).Parameters
        .Select(parameter => new TensorToWrite(
            parameter.Name, parameter.Shape, type, (first, destination) =>
            {
                foreach (var (file, place, length) in parameter.Runs(first, destination.Length))
                {
                    parameters(parameter.Offset + place, destination.Slice((int)(file - first), (int)length));
                }
            }));

    private static void WriteTensors(string folder, List<TensorToWrite> tensors, long maxShardBytes)
    {
        var shards = Shards(tensors, maxShardBytes);
        if (shards.Count == 1)
        {
            WriteFile(folder, CheckpointTensors.SingleFile, shards[0]);
            return;
        }

        var map = new SortedDictionary<string, string>(StringComparer.Ordinal);
        for (var i = 0; i < shards.Count; i++)
        {
            var name = string.Create(System.Globalization.CultureInfo.InvariantCulture, $"model-{i + 1:D5}-of-{shards.Count:D5}.safetensors");
            WriteFile(folder, name, shards[i]);
            foreach (var tensor in shards[i])
            {
                map.Add(tensor.Name, name);
            }
        }

        WriteText(folder, CheckpointTensors.IndexFile, new JsonObject
        {
            ["metadata"] = new JsonObject { ["total_size"] = tensors.Sum(tensor => tensor.ByteLength) },
            ["weight_map"] = new JsonObject(map.Select(pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value))),
        });
    }

    private static List<List<TensorToWrite>> Shards(List<TensorToWrite> tensors, long maxShardBytes)
    {
        var shards = new List<List<TensorToWrite>>();
        var room = 0L;
        foreach (var tensor in SafetensorsWriter.InFileOrder(tensors))
        {
            if (shards.Count == 0 || tensor.ByteLength > room)
            {
                shards.Add([]);
                room = maxShardBytes;
            }

            shards[^1].Add(tensor);
            room -= tensor.ByteLength;
        }

        return shards;
    }

    private static JsonObject ConfigOf(DecoderConfig config, SaveOptions options)
    {
        var json = DecoderConfigWriter.Write(config, options.Source?.Config);
        json.Remove(DecoderConfigKeys.OwnCode);
        SetHead(json, config, options);
        Set(json, "architectures", new JsonArray(options.Score is null ? config.Family.LanguageModelClass : config.Family.ScorerClass));
        var typeName = options.Type.TorchName();
        if (json.ContainsKey("dtype"))
        {
            Set(json, "dtype", typeName);
        }

        if (json.ContainsKey("torch_dtype") || !json.ContainsKey("dtype"))
        {
            Set(json, "torch_dtype", typeName);
        }

        return json;
    }

    private static void SetHead(JsonObject json, DecoderConfig config, SaveOptions options)
    {
        var wasReward = json["architectures"] is JsonArray and [JsonValue name, ..] && name.TryGetValue(out string? text)
            && text.EndsWith(ModelFamily.ScorerEnding, StringComparison.Ordinal);
        if (options.Score is null && !wasReward)
        {
            return;
        }

        string[] headKeys = ["num_labels", "_num_labels", "id2label", "label2id", DecoderConfigWriter.ScoreBias, DecoderConfigWriter.ScoreShift];
        foreach (var key in headKeys)
        {
            json.Remove(key);
        }

        if (options.Score is not { } score)
        {
            return;
        }
        // Libraries count the labels by their names where there are any, so both are said.
        json["num_labels"] = 1;
        json["id2label"] = new JsonObject { ["0"] = "LABEL_0" };
        json["label2id"] = new JsonObject { ["LABEL_0"] = 0 };
        if (score.Bias != 0)
        {
            json[DecoderConfigWriter.ScoreBias] = score.Bias;
        }

        if (score.Shift != 0)
        {
            json[DecoderConfigWriter.ScoreShift] = score.Shift;
        }

        if (options.PaddingId is { } padding)
        {
            Set(json, "pad_token_id", padding);
        }
        else if (json["pad_token_id"] is JsonValue value && value.TryGetValue(out int id)
            && (id < 0 || id >= config.VocabularySize || config.EosTokenIds.Contains(id)))
        {
            json["pad_token_id"] = null;
        }
    }

    private static void WriteCarriedFiles(string folder, DecoderConfig config, ModelSource? source)
    {
        foreach (var (name, bytes) in source?.Files ?? new Dictionary<string, byte[]>())
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }

        if (source is null || !source.Files.ContainsKey(ModelSource.GenerationFile))
        {
            WriteText(folder, ModelSource.GenerationFile, WithTokenIds(new JsonObject { ["_from_model_config"] = true }, config));
        }
        else if (TokenIdsChanged(config, source))
        {
            WriteText(folder, ModelSource.GenerationFile, WithTokenIds(GenerationConfig(source), config));
        }
    }

    private static bool TokenIdsChanged(DecoderConfig config, ModelSource source)
    {
        var before = DecoderConfigReader.Read(DecoderConfigWriter.ToElement(source.Config), ModelSource.ConfigFile);
        return config.BosTokenId != before.BosTokenId || !config.EosTokenIds.SequenceEqual(before.EosTokenIds);
    }

    private static JsonObject GenerationConfig(ModelSource source) =>
        JsonObject.Create(StrictJson.Object(ModelSource.GenerationFile, source.Files[ModelSource.GenerationFile]))!;

    private static JsonObject WithTokenIds(JsonObject json, DecoderConfig config)
    {
        var ids = DecoderConfigWriter.Write(config);
        foreach (var key in new[] { "bos_token_id", "eos_token_id" })
        {
            json.Remove(key);
            if (ids[key] is { } value)
            {
                json[key] = value.DeepClone();
            }
        }

        return json;
    }

    private static void Set(JsonObject json, string key, JsonNode value)
    {
        if (!JsonNode.DeepEquals(json[key], value))
        {
            json[key] = value;
        }
    }

    private static void WriteFile(string folder, string name, List<TensorToWrite> tensors)
    {
        using var stream = new FileStream(Path.Combine(folder, name), FileMode.CreateNew, FileAccess.Write);
        SafetensorsWriter.Write(stream, tensors);
    }

    private static void WriteText(string folder, string name, JsonObject json) =>
        File.WriteAllText(Path.Combine(folder, name), DecoderConfigWriter.ToText(json));
}
