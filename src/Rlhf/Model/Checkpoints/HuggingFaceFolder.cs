using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Model.Families;

namespace Rlhf.Model.Checkpoints;

/// <summary>
/// A model folder in Hugging Face form, open for reading: <c>config.json</c> and safetensors. Opening it checks that the
/// configuration is implemented and that the tensors are exactly those that it asks for; the numbers are read when they are
/// copied out.
/// </summary>
internal sealed class HuggingFaceFolder : IStoredModel
{
    private const int MostFloatsAtOnce = 1 << 20;
    private const int MostNamed = 20;

    private static readonly string[] AdapterFiles = ["adapter_config.json", "adapter_model.safetensors", "adapter_model.bin"];

    private readonly CheckpointTensors _tensors;
    private readonly Dictionary<string, string> _fileNames;

    private HuggingFaceFolder(string folder, CheckpointTensors tensors)
    {
        Folder = folder;
        _tensors = tensors;
        var configFile = Path.Combine(folder, ModelSource.ConfigFile);
        var json = StrictJson.ObjectOf(configFile, Limits.ModelSettingsFile);
        Config = DecoderConfigReader.Read(json, configFile);
        Source = ModelSource.Read(folder, JsonObject.Create(json)!);
        Layout = new ParameterLayout(Config);
        _fileNames = MatchNames();
        HasLanguageHead = Config.TiedEmbeddings || _fileNames.ContainsKey(Names.Head);
        CheckTensors();
        CheckTiedHead();
        StoredType = _fileNames.Values.Select(name => tensors[name].Type).MaxBy(type => type.Size());
        Score = ReadScore(configFile);
    }

    /// <summary>Where the folder is.</summary>
    public string Folder { get; }

    /// <summary>What the model is.</summary>
    public DecoderConfig Config { get; }

    /// <summary>Where its parameters lie in the flat buffer.</summary>
    public ParameterLayout Layout { get; }

    /// <summary>The configuration as it stands in the file, and the files to carry along when a model is written.</summary>
    public ModelSource Source { get; }

    /// <summary>The type of the stored parameters; the widest if they differ.</summary>
    public TensorType StoredType { get; }

    /// <summary>The scalar head, if this is a reward or value model.</summary>
    public ScoreHead? Score { get; }

    /// <summary>False for a reward model with untied embeddings: it has no language head, and that part of the buffer is 0.</summary>
    public bool HasLanguageHead { get; }

    private ParameterNames Names => Config.Family.Tensors;

    /// <summary>Opens a folder and checks it.</summary>
    /// <exception cref="InputException">Something is missing, unsound, not implemented or contradictory; the message names it.</exception>
    public static HuggingFaceFolder Load(string folder)
    {
        if (!Directory.Exists(folder) && !File.Exists(folder))
        {
            throw InputException.Missing($"{folder}: there is no such model folder.{ForeignFile.HubAdvice(folder, "model")}");
        }

        RefuseAdapter(folder);
        if (ForeignFile.NamedModel(folder) is { } other)
        {
            throw new InputException($"{folder}: expected a model folder, found {other}.");
        }

        if (!File.Exists(Path.Combine(folder, ModelSource.ConfigFile)))
        {
            throw new InputException($"{folder}: there is no {ModelSource.ConfigFile}, so this is not a model folder.");
        }

        var tensors = CheckpointTensors.Open(folder);
        try
        {
            return new HuggingFaceFolder(folder, tensors);
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    // The weights beside an adapter are those of the model without it.
    private static void RefuseAdapter(string folder)
    {
        if (AdapterFiles.FirstOrDefault(name => File.Exists(Path.Combine(folder, name))) is not { } adapter)
        {
            return;
        }

        throw new InputException(File.Exists(Path.Combine(folder, ModelSource.ConfigFile))
            ? $"{folder}: beside the model stands an adapter ({adapter}), without which it would be another model. Move the adapter to a folder of its own and give that, or take {string.Join(" and ", AdapterFiles)} away to use the model without it."
            : $"{folder}: this is a part of an adapter ({adapter}), not a whole model; an adapter has {AdapterConfig.FileName} and {AdapterFile.FileName}.");
    }

    /// <summary>Copies all parameters to a new buffer.</summary>
    /// <exception cref="InputException">A file cannot be read, or has a number that is not finite.</exception>
    public float[] ReadParameters()
    {
        var parameters = new float[checked((int)Layout.Length)];
        Read(new ParameterRange(0, Layout.Length), (offset, values) => values.CopyTo(parameters.AsSpan((int)offset)));
        return parameters;
    }

    /// <summary>Closes the files.</summary>
    public void Dispose() => _tensors.Dispose();

    /// <inheritdoc/>
    /// <remarks>A few megabytes at a time, as a whole embedding would long stay on the managed heap.</remarks>
    public void Read(ParameterRange range, Action<long, ReadOnlySpan<float>> take)
    {
        var buffer = new float[Math.Min(MostFloatsAtOnce, range.Length)];
        foreach (var parameter in Layout.Parameters.Where(parameter => parameter.Offset >= range.Offset && parameter.Offset < range.Offset + range.Length))
        {
            if (!_fileNames.TryGetValue(parameter.Name, out var name))
            {
                continue; // the language head of a reward model
            }

            for (var done = 0L; done < parameter.Length; done += MostFloatsAtOnce)
            {
                var values = buffer.AsSpan(0, (int)Math.Min(MostFloatsAtOnce, parameter.Length - done));
                _tensors.FileOf(name).ReadFloats(name, done, values);
                for (var i = 0; i < values.Length; i++)
                {
                    if (!float.IsFinite(values[i]))
                    {
                        throw new InputException(
                            $"{_tensors.FileOf(name).Path}: tensor {name} has a number that is not finite (element {done + i}). The model is broken: use an earlier checkpoint.");
                    }
                }

                foreach (var (file, place, length) in parameter.Runs(done, values.Length))
                {
                    take(parameter.Offset + place, buffer.AsSpan((int)(file - done), (int)length));
                }
            }
        }
    }

    // The decoder alone, as saved from a base class (and the public gpt2 files), lacks the first part of every name.
    private Dictionary<string, string> MatchNames()
    {
        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var parameter in Layout.Parameters)
        {
            var bare = parameter.Name[(parameter.Name.IndexOf('.', StringComparison.Ordinal) + 1)..];
            if (_tensors.Contains(parameter.Name))
            {
                result.Add(parameter.Name, parameter.Name);
            }
            else if (!IsOfHead(parameter.Name) && _tensors.Contains(bare))
            {
                result.Add(parameter.Name, bare);
            }
        }

        return result;
    }

    private bool IsOfHead(string name) => name == Names.Head || name == Names.HeadBias;

    private void CheckTensors()
    {
        var isScorer = _tensors.Contains(ScoreHead.WeightName);
        var missing = Layout.Parameters.Select(parameter => parameter.Name)
            .Where(name => !_fileNames.ContainsKey(name) && !(isScorer && IsOfHead(name)));
        var known = _fileNames.Values.Append(ScoreHead.WeightName).Append(ScoreHead.BiasName).ToHashSet(StringComparer.Ordinal);
        if (Config.TiedEmbeddings)
        {
            known.Add(Names.Head);
        }

        var unexpected = _tensors.Names.Where(name => !known.Contains(name) && !Config.Family.IsBuffer(name));
        string[] problems =
        [
            .. Listed("missing", missing),
            .. Listed("unexpected", unexpected.Select(SafetensorsHeader.Shown)),
            .. Listed("of a shape or type that does not fit the configuration", Misshapen()),
        ];
        if (problems.Length > 0)
        {
            throw new InputException($"{Folder}: the tensors are not those of the model in {ModelSource.ConfigFile}:\n{string.Join('\n', problems)}");
        }
    }

    private IEnumerable<string> Misshapen()
    {
        var expected = _fileNames.Select(pair => (Name: pair.Value, Layout[pair.Key].Shape))
            .Append((ScoreHead.WeightName, [1, Config.EmbeddingWidth]))
            .Append((ScoreHead.BiasName, [1]));
        if (Config.TiedEmbeddings)
        {
            expected = expected.Append((Names.Head, [Config.VocabularySize, Config.EmbeddingWidth]));
        }

        foreach (var (name, shape) in expected.Where(tensor => _tensors.Contains(tensor.Name)))
        {
            var entry = _tensors[name];
            if (!entry.Shape.SequenceEqual(shape.Select(dimension => (long)dimension)))
            {
                yield return $"{name} is [{string.Join(", ", entry.Shape)}] instead of [{string.Join(", ", shape)}]";
            }
            else if (entry.Type is not (TensorType.F32 or TensorType.F16 or TensorType.BF16))
            {
                yield return $"{name} is {entry.Type.FileName()} instead of F32, F16 or BF16";
            }
        }
    }

    private static IEnumerable<string> Listed(string what, IEnumerable<string> names)
    {
        var list = names.Order(StringComparer.Ordinal).ToList();
        if (list.Count == 0)
        {
            yield break;
        }

        var more = list.Count > MostNamed ? $" and {list.Count - MostNamed} more" : string.Empty;
        yield return $"  {what}: {string.Join(", ", list.Take(MostNamed))}{more}";
    }

    // Some writers store the head although it is tied. Equal, it says nothing new; different, one of the two would be lost.
    private void CheckTiedHead()
    {
        if (!Config.TiedEmbeddings || !_tensors.Contains(Names.Head))
        {
            return;
        }

        var embedding = _fileNames[Names.TokenEmbedding];
        var (ours, theirs) = (new float[Config.EmbeddingWidth], new float[Config.EmbeddingWidth]);
        for (var row = 0; row < Config.VocabularySize; row++)
        {
            _tensors.FileOf(embedding).ReadFloats(embedding, (long)row * Config.EmbeddingWidth, ours);
            _tensors.FileOf(Names.Head).ReadFloats(Names.Head, (long)row * Config.EmbeddingWidth, theirs);
            if (!ours.AsSpan().SequenceEqual(theirs))
            {
                throw new InputException($"{Folder}: {Names.Head} differs from {embedding} (row {row}), but the configuration says that they are one "
                    + "(\"tie_word_embeddings\"). Set it to false if the head is its own.");
            }
        }
    }

    private ScoreHead? ReadScore(string configFile)
    {
        if (!_tensors.Contains(ScoreHead.WeightName))
        {
            if (_tensors.Contains(ScoreHead.BiasName))
            {
                throw new InputException($"{Folder}: there is {ScoreHead.BiasName} but no {ScoreHead.WeightName}.");
            }

            return null;
        }

        var weight = _tensors.FileOf(ScoreHead.WeightName).ReadFloats(ScoreHead.WeightName);
        var told = ReadNumber(DecoderConfigWriter.ScoreBias, configFile);
        var bias = _tensors.Contains(ScoreHead.BiasName) ? _tensors.FileOf(ScoreHead.BiasName).ReadFloats(ScoreHead.BiasName)[0] : told ?? 0;
        if (told is not null && bias != told)
        {
            throw new InputException($"{configFile}: \"{DecoderConfigWriter.ScoreBias}\" contradicts the tensor {ScoreHead.BiasName}. Remove the wrong one.");
        }

        return weight.All(float.IsFinite) && float.IsFinite(bias)
            ? new ScoreHead(weight, bias, ReadNumber(DecoderConfigWriter.ScoreShift, configFile) ?? 0)
            : throw new InputException(
                $"{Folder}: {ScoreHead.WeightName} or its bias has a number that is not finite. The model is broken: use an earlier checkpoint.");
    }

    private float? ReadNumber(string key, string configFile)
    {
        if (Source.Config[key] is not { } node)
        {
            return null;
        }

        return node is JsonValue value && value.TryGetValue(out float number) && float.IsFinite(number)
            ? number
            : throw new InputException($"{configFile}: \"{key}\" must be a number.");
    }
}
