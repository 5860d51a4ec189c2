using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Text;

namespace Rlhf.Model.Checkpoints;

/// <summary>Writes language models as GGUF files, with their tokenizer and chat template.</summary>
internal static class GgufExport
{
    // Llama's file says nothing that Mistral's would say otherwise.
    private static readonly Dictionary<string, string> ArchitectureOf = new(StringComparer.Ordinal)
    {
        ["llama"] = "llama",
        ["mistral"] = "llama",
        ["qwen2"] = "qwen2",
        ["qwen3"] = "qwen3",
        ["gpt2"] = "gpt2",
        ["gemma2"] = "gemma2",
        ["gemma3_text"] = "gemma3",
    };

    /// <summary>Numbers of <c>general.file_type</c>.</summary>
    private static int FileType(GgufTensorType type) => type switch
    {
        GgufTensorType.F32 => 0,
        GgufTensorType.F16 => 1,
        GgufTensorType.Q4_0 => 2,
        GgufTensorType.Q8_0 => 7,
        GgufTensorType.BF16 => 32,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };

    /// <summary>Writes a file.</summary>
    /// <param name="stream">Where to.</param>
    /// <param name="model">The model.</param>
    /// <param name="name">What people call it.</param>
    /// <param name="tokenizer">Its tokenizer, or null.</param>
    /// <param name="type">F32, F16, BF16, Q8_0 or Q4_0, of the matrices whose rows can be cut into blocks.</param>
    /// <param name="progress">Told how many numbers more are written.</param>
    /// <exception cref="InputException">GGUF has no place for the model.</exception>
    public static void Write(FileStream stream, IStoredModel model, string name, Tokenizer? tokenizer, GgufTensorType type, Action<long> progress)
    {
        var config = model.Config;
        if (!ArchitectureOf.TryGetValue(config.Family.Name, out var architecture))
        {
            throw new InputException($"{name}: models of the family {config.Family} are not written as GGUF; export as safetensors.");
        }

        if (model.Score is not null)
        {
            throw new InputException($"{name}: this is a reward model, and GGUF has no scalar head; export as safetensors.");
        }

        var writer = new GgufWriter();
        writer.Add(GgufKeys.Architecture, architecture);
        writer.Add("general.type", "model");
        writer.Add(GgufKeys.Name, name);
        writer.Add(GgufKeys.FileType, FileType(type));
        writer.Add(GgufKeys.QuantizationVersion, 2);
        AddConfig(writer, architecture, config);
        AddVocabulary(writer, tokenizer, config.VocabularySize);
        writer.Write(stream, Tensors(model, GgufArchitecture.Find(architecture)!.TurnsNeighbours, type), progress);
        stream.Flush();
        RequireSame(config, GgufModel.Open(stream.Name).Config, name);
    }

    private static void AddConfig(GgufWriter writer, string architecture, DecoderConfig config)
    {
        void Add(string key, int value) => writer.Add($"{architecture}.{key}", value);
        Add("vocab_size", config.VocabularySize);
        Add("context_length", config.ContextLength);
        Add("embedding_length", config.Width);
        Add("block_count", config.Layers);
        Add("feed_forward_length", config.FeedForwardWidth);
        Add("attention.head_count", config.Heads);
        writer.Add(
            $"{architecture}.attention.layer_norm_{(config.Normalization == Normalization.RmsNorm ? "rms_" : "")}epsilon", (float)config.NormEpsilon);
        if (config.Positions != Positions.Rotary)
        {
            return;
        }

        Add("attention.head_count_kv", config.KeyValueHeads);
        Add("rope.dimension_count", config.HeadWidth);
        writer.Add($"{architecture}.rope.freq_base", (float)config.RotaryBase);
        AddWindow(writer, architecture, config);
        if (config.HeadWidth * config.Heads != config.Width || architecture is "qwen3" or "gemma2" or "gemma3")
        {
            Add("attention.key_length", config.HeadWidth);
            Add("attention.value_length", config.HeadWidth);
        }

        if (config.RotaryScaling is { Kind: RotaryScaling.Linear } linear)
        {
            writer.Add($"{architecture}.rope.scaling.type", "linear");
            writer.Add($"{architecture}.rope.scaling.factor", (float)linear.Factor);
        }
    }

    private static void AddWindow(GgufWriter writer, string architecture, DecoderConfig config)
    {
        (string Key, double? Value)[] numbers =
        [
            ("attn_logit_softcapping", config.ScoreCap), ("final_logit_softcapping", config.LogitCap), ("rope.freq_base_swa", config.WindowRotaryBase),
        ];
        foreach (var (key, value) in numbers)
        {
            if (value is { } number)
            {
                writer.Add($"{architecture}.{key}", (float)number);
            }
        }

        if (config.Window is { } window)
        {
            writer.Add($"{architecture}.attention.sliding_window", window);
        }
    }

    // What the format cannot say was not written, and would silently be another model.
    private static void RequireSame(DecoderConfig wanted, DecoderConfig found, string name)
    {
        DecoderConfig Comparable(DecoderConfig config) => config with
        {
            Family = wanted.Family,
            BosTokenId = null,
            EosTokenIds = wanted.EosTokenIds, // lists are equal where they are one
            Notes = wanted.Notes,
            InitializerRange = 1,
            ResidualDropoutInFile = 0,
            RotaryScaling = null,
            NormEpsilon = (float)config.NormEpsilon,
            RotaryBase = (float)config.RotaryBase,
            WindowRotaryBase = config.WindowRotaryBase is { } rotaryBase ? (float)rotaryBase : null,
            ScoreCap = config.ScoreCap is { } score ? (float)score : null,
            LogitCap = config.LogitCap is { } logit ? (float)logit : null,
        };
        var turns = wanted.Positions != Positions.Rotary || RotaryTables.Frequencies(wanted, regime: 0).Zip(RotaryTables.Frequencies(found, regime: 0))
            .All(pair => Math.Abs((pair.First / pair.Second) - 1) < 1e-5);
        if (!turns || wanted.RotaryScaling?.Kind != found.RotaryScaling?.Kind || Comparable(wanted) != Comparable(found))
        {
            throw new InputException($"{name}: GGUF has no place for something in this model's configuration, such as a window, a scaling or a scale of scores; export as safetensors.");
        }
    }

    private static void AddVocabulary(GgufWriter writer, Tokenizer? tokenizer, int rows)
    {
        if (tokenizer is null)
        {
            writer.Add(GgufKeys.TokenizerModel, GgufKeys.NoVocabulary);
            return;
        }

        var vocabulary = GgufVocabularyWriter.Of(tokenizer, rows);
        writer.Add(GgufKeys.TokenizerModel, vocabulary.Kind);
        writer.Add(GgufKeys.TokenizerPre, vocabulary.Pre);
        writer.Add(GgufKeys.Tokens, vocabulary.Tokens);
        writer.Add(GgufKeys.TokenTypes, vocabulary.Types!);
        if (vocabulary.Kind == GgufVocabulary.SentencePiece)
        {
            writer.Add(GgufKeys.Scores, Array.ConvertAll(vocabulary.Scores!, score => (float)score));
            writer.Add(GgufKeys.AddSpace, vocabulary.AddsSpace);
        }
        else
        {
            writer.Add(GgufKeys.Merges, vocabulary.Merges);
        }

        foreach (var (key, id) in (ReadOnlySpan<(string, int?)>)[(GgufKeys.Beginning, vocabulary.Beginning), (GgufKeys.End, vocabulary.End),
            (GgufKeys.EndOfTurn, vocabulary.EndOfTurn), (GgufKeys.Unknown, vocabulary.Unknown), (GgufKeys.Padding, vocabulary.Padding)])
        {
            if (id is { } known)
            {
                writer.Add(key, known);
            }
        }

        writer.Add(GgufKeys.AddBeginning, vocabulary.AddsBeginning);
        writer.Add(GgufKeys.AddEnd, vocabulary.AddsEnd);
        if (vocabulary.ChatTemplate is { } template)
        {
            writer.Add(GgufKeys.ChatTemplate, template);
        }
    }

    private static List<GgufTensorToWrite> Tensors(IStoredModel model, bool turnsNeighbours, GgufTensorType type)
    {
        var config = model.Config;
        var parameters = new StoredParameters(model);
        var places = GgufTensorNames.Of(config, turnsNeighbours);
        var names = config.Family.Tensors;
        var tensors = new List<GgufTensorToWrite>();
        foreach (var parameter in parameters.Layout.Parameters)
        {
            var place = places[parameter.Name];
            int[] shape = place.Order == GgufOrder.Transposed ? [parameter.Shape[1], parameter.Shape[0]] : parameter.Shape;
            var isTable = parameter.Name == names.TokenEmbedding || parameter.Name == names.Head;
            var wanted = shape.Length < 2 || parameter.Name == names.PositionEmbedding ? GgufTensorType.F32
                : isTable && type == GgufTensorType.Q4_0 ? GgufTensorType.Q8_0 : type;
            var written = shape[^1] % wanted.BlockLength() == 0 ? wanted : GgufTensorType.F16;
            tensors.Add(new(place.Name, written, shape, () => GgufOrders.Theirs(parameters.Of(parameter), parameter.Shape, place, config.HeadWidth)));
        }

        if (config.RotaryScaling is { Kind: RotaryScaling.Llama3 })
        {
            var factors = GgufRotary.Factors(config);
            tensors.Add(new(GgufKeys.RotaryFactors, GgufTensorType.F32, [factors.Length], () => factors));
        }

        return tensors;
    }
}
