namespace Rlhf.Model.Checkpoints;

/// <summary>Two narrow matrices beside a weight: W + scale B A.</summary>
/// <param name="A">[r, inputs]; of an embedding [r, vocabulary].</param>
/// <param name="B">[outputs, r]; of an embedding [width, r].</param>
/// <param name="Rank">r.</param>
/// <param name="Scale">What B A is multiplied by.</param>
/// <param name="Magnitude">[outputs] of DoRA; null without.</param>
/// <param name="IsLookup">It changes what is looked up in an embedding.</param>
internal sealed record LowRank(float[] A, float[] B, int Rank, double Scale, float[]? Magnitude, bool IsLookup);

/// <summary>The tensors of PEFT's <c>adapter_model.safetensors</c>, by the module that each belongs to. Held in memory: an adapter is small.</summary>
internal sealed class AdapterFile
{
    /// <summary>The file's name.</summary>
    public const string FileName = "adapter_model.safetensors";

    private const string Prefix = "base_model.model.";
    private const long MostFloats = 1L << 31;

    private static readonly (string End, Part Part)[] Ends =
    [
        (".lora_A.weight", Part.A), (".lora_B.weight", Part.B), (".lora_embedding_A", Part.LookupA), (".lora_embedding_B", Part.LookupB),
        (".lora_magnitude_vector", Part.Magnitude), (".lora_magnitude_vector.weight", Part.Magnitude), (".base_layer.weight", Part.Copy),
        (".base_layer.bias", Part.Bias),
    ];

    private readonly string _path;
    private readonly Dictionary<(string Module, Part Part), (long[] Shape, float[] Values)> _parts = [];

    private enum Part
    {
        A,
        B,
        LookupA,
        LookupB,
        Magnitude,
        Copy,
        Bias,
    }

    private AdapterFile(string folder)
    {
        _path = Path.Combine(folder, FileName);
        if (!File.Exists(_path))
        {
            throw new InputException(File.Exists(Path.ChangeExtension(_path, ".bin"))
                ? $"{folder}: the adapter's weights are a pickle (adapter_model.bin), which is not read: loading one can run any program. Save them as {FileName}."
                : $"{folder}: there is no {FileName}, so the adapter has no weights.");
        }

        using var file = SafetensorsFile.Open(_path);
        if (file.Tensors.Values.Sum(static tensor => (decimal)tensor.Length) > MostFloats)
        {
            throw new InputException($"{_path}: an adapter of more than {MostFloats} numbers is not read.");
        }

        foreach (var (name, tensor) in file.Tensors)
        {
            Add(name, tensor.Shape, file.ReadFloats(name));
        }
    }

    /// <summary>Modules with narrow matrices.</summary>
    public IEnumerable<string> Adapted => _parts.Keys.Where(static key => key.Part is Part.A or Part.B or Part.LookupA or Part.LookupB or Part.Magnitude)
        .Select(static key => key.Module).Distinct();

    /// <summary>Tensors of the base that stand in the file whole, by their names: heads, norms, biases.</summary>
    public Dictionary<string, (long[] Shape, float[] Values)> Whole { get; } = new(StringComparer.Ordinal);

    /// <summary>The base's own weights that PEFT writes beside an adapted embedding, by module.</summary>
    public IEnumerable<(string Module, long[] Shape, float[] Values)> Copies =>
        _parts.Where(static pair => pair.Key.Part == Part.Copy).Select(static pair => (pair.Key.Module, pair.Value.Shape, pair.Value.Values));

    /// <summary>Reads the file of a folder.</summary>
    /// <exception cref="InputException">It is absent, broken, or not of this form.</exception>
    public static AdapterFile Read(string folder) => new(folder);

    /// <summary>What is wrong with the file.</summary>
    public InputException Refuse(string message) => new($"{_path}: {message}");

    /// <summary>A module's narrow matrices, which must fit.</summary>
    /// <param name="module">Its path.</param>
    /// <param name="config">What says rank and scale.</param>
    /// <param name="inputs">Inputs of the layer, or entries of the vocabulary.</param>
    /// <param name="outputs">Outputs of the layer, or the embedding's width.</param>
    /// <param name="isEmbedding">Whether the module is an embedding.</param>
    /// <exception cref="InputException">One is missing, or has another shape.</exception>
    public LowRank Of(string module, AdapterConfig config, int inputs, int outputs, bool isEmbedding)
    {
        var rank = config.RankOf(module);
        float[] Matrix(Part part, long[] shape) => !_parts.TryGetValue((module, part), out var tensor)
            ? throw Refuse($"the adapter of {module} has no {NameOf(part)}. The file is incomplete: save the adapter again.")
            : tensor.Shape.SequenceEqual(shape) ? tensor.Values
            : throw Refuse($"{NameOf(part)} of {module} is [{string.Join(", ", tensor.Shape)}] instead of [{string.Join(", ", shape)}], which rank and base model ask for. "
                + "It is of another rank than the configuration says, or of another model.");
        var (a, b) = isEmbedding ? (Part.LookupA, Part.LookupB) : (Part.A, Part.B);
        if (!config.IsDora && _parts.ContainsKey((module, Part.Magnitude)))
        {
            throw Refuse($"{module} has a magnitude vector, though use_dora is false.");
        }

        if (config.IsDora && isEmbedding)
        {
            throw Refuse($"{module}: DoRA on an embedding is not supported.");
        }

        return new LowRank(
            Matrix(a, [rank, inputs]), Matrix(b, [outputs, rank]), rank, config.ScaleOf(module), config.IsDora ? Matrix(Part.Magnitude, [outputs]) : null,
            isEmbedding);
    }

    private static string NameOf(Part part) => Ends.First(end => end.Part == part).End[1..];

    private void Add(string name, long[] shape, float[] values)
    {
        if (!name.StartsWith(Prefix, StringComparison.Ordinal))
        {
            throw Refuse($"the tensor {SafetensorsHeader.Shown(name)} does not begin with {Prefix}, as PEFT's names do.");
        }

        var at = Array.FindIndex(values, static value => !float.IsFinite(value));
        if (at >= 0)
        {
            throw Refuse($"the tensor {name} has a number that is not finite (element {at}). The adapter is broken: use an earlier one.");
        }

        var path = name[Prefix.Length..].Replace(".default.", ".", StringComparison.Ordinal).Replace(".modules_to_save.", ".", StringComparison.Ordinal);
        var (end, part) = Ends.LastOrDefault(pair => path.EndsWith(pair.End, StringComparison.Ordinal));
        if (end is null || part == Part.Bias)
        {
            Whole[end is null ? path : path.Replace(".base_layer.", ".", StringComparison.Ordinal)] = (shape, values);
        }
        else
        {
            _parts[(path[..^end.Length], part)] = (shape, values);
        }
    }
}
