namespace Rlhf.Model.Checkpoints;

/// <summary>
/// A model with an adapter in its weights: the base's numbers, and on them what the adapter adds, in float64 and rounded to float32 once. A tied base whose
/// embedding or head is adapted becomes untied: the adapter changes one of the two.
/// </summary>
internal sealed class AdaptedModel : IStoredModel
{
    private const string Weight = ".weight";

    private readonly IStoredModel _base;
    private readonly ParameterLayout _baseLayout;
    private readonly ParameterLayout _layout;
    private readonly AdapterConfig _adapter;
    private readonly AdapterFile _file;
    private readonly Dictionary<string, LowRank> _changes = new(StringComparer.Ordinal);

    private AdaptedModel(IStoredModel model, string folder)
    {
        _base = model;
        (_adapter, _file) = (AdapterConfig.Read(folder), AdapterFile.Read(folder));
        var names = model.Config.Family.Tensors;
        var apart = (string[])[names.Head, names.TokenEmbedding];
        var unties = model.Config.TiedEmbeddings && (_file.Whole.Keys.Any(apart.Contains) || _file.Adapted.Any(module => apart.Contains(module + Weight)));
        Config = unties ? model.Config with { TiedEmbeddings = false } : model.Config;
        Source = unties ? model.Source with { Config = Untied(model.Source.Config) } : model.Source;
        (_baseLayout, _layout) = (new ParameterLayout(model.Config), new ParameterLayout(Config));
        Score = ReadScore();
        HasLanguageHead = model.HasLanguageHead && !_adapter.IsScorer;
        ReadChanges();
        CheckWhole();
        CheckCopies();
    }

    /// <summary>The model below the adapter.</summary>
    public IStoredModel Base => _base;

    /// <summary>The parameters that the adapter changes.</summary>
    public IEnumerable<Parameter> Changed =>
        _layout.Parameters.Where(parameter => _changes.ContainsKey(parameter.Name) || _file.Whole.ContainsKey(parameter.Name));

    /// <inheritdoc/>
    public DecoderConfig Config { get; }

    /// <inheritdoc/>
    public ModelSource Source { get; }

    /// <inheritdoc/>
    public ScoreHead? Score { get; }

    /// <inheritdoc/>
    public bool HasLanguageHead { get; }

    /// <summary>Puts the adapter of a folder on a model, which is its own from now on.</summary>
    /// <exception cref="InputException">The adapter is broken, not supported, or of another model.</exception>
    public static AdaptedModel Create(IStoredModel model, string folder)
    {
        try
        {
            return new AdaptedModel(model, folder);
        }
        catch
        {
            model.Dispose();
            throw;
        }
    }

    /// <inheritdoc/>
    public void Read(ParameterRange range, Action<long, ReadOnlySpan<float>> take)
    {
        foreach (var parameter in _layout.Parameters.Where(parameter => parameter.Offset >= range.Offset && parameter.Offset < range.Offset + range.Length))
        {
            if (_file.Whole.TryGetValue(parameter.Name, out var whole))
            {
                foreach (var (file, place, length) in parameter.Runs(0, parameter.Length))
                {
                    take(parameter.Offset + place, whole.Values.AsSpan((int)file, (int)length));
                }
            }
            else
            {
                ReadChanged(parameter, take);
            }
        }
    }

    /// <summary>Where the adapter's numbers lie, if it can stand beside the base's weights, which stay as they are: low-rank changes of the blocks' linear
    /// layers, and a scalar head. Of others, which are put into the weights, what cannot stand there, in words.</summary>
    public (AdapterLayout? Layout, string? WhyNot) Apart()
    {
        if (_changes.Values.Any(static change => change.Magnitude is not null))
        {
            return (null, "DoRA's magnitudes");
        }

        var whole = _file.Whole.Keys.Where(static name => name != ScoreHead.WeightName).Order(StringComparer.Ordinal).FirstOrDefault();
        if (whole is not null)
        {
            return (null, $"{(whole.EndsWith(".bias", StringComparison.Ordinal) ? "biases" : "whole tensors")} ({whole})");
        }

        var layout = new AdapterLayout(
            _baseLayout, module => _changes.TryGetValue(module + Weight, out var change) ? (change.Rank, change.Scale) : null);
        return layout.Modules.Count == _changes.Count && ReferenceEquals(Config, _base.Config) ? (layout, null) : (null, "changes of the embedding or the head");
    }

    /// <summary>Fills the numbers of an adapter that stands apart.</summary>
    public void Fill(AdapterLayout layout, Span<float> numbers)
    {
        foreach (var module in layout.Modules)
        {
            var change = _changes[module.Module + Weight];
            layout.Write(numbers, module, change.A, change.B);
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _base.Dispose();

    private void ReadChanged(Parameter parameter, Action<long, ReadOnlySpan<float>> take)
    {
        var source = InBase(parameter.Name);
        var range = new ParameterRange(source.Offset, source.Length);
        if (!_changes.TryGetValue(parameter.Name, out var change))
        {
            _base.Read(range, (offset, values) => take(offset - source.Offset + parameter.Offset, values));
            return;
        }

        var update = new AdapterUpdate(change, parameter, Config.WeightsAreInputMajor && !change.IsLookup);
        if (change.Magnitude is not null)
        {
            _base.Read(range, (offset, values) => update.AddToNorms(offset - source.Offset, values));
        }

        _base.Read(range, (offset, values) => take(offset - source.Offset + parameter.Offset, update.Apply(offset - source.Offset, values)));
    }

    /// <summary>Where a parameter stands in the base: the head of an untied model is the embedding that its base has for both.</summary>
    public Parameter InBase(string name) =>
        _baseLayout.TryGet(name, out var parameter) ? parameter : _baseLayout[_base.Config.Family.Tensors.TokenEmbedding];

    private void ReadChanges()
    {
        var names = Config.Family.Tensors;
        var untouched = _file.Adapted.ToHashSet(StringComparer.Ordinal);
        var targets = 0;
        var weights = _layout.Parameters.Where(static parameter => parameter.Shape.Length == 2 && parameter.Name.EndsWith(Weight, StringComparison.Ordinal));
        foreach (var parameter in weights)
        {
            var module = parameter.Name[..^Weight.Length];
            var isEmbedding = parameter.Name == names.TokenEmbedding || parameter.Name == names.PositionEmbedding;
            if (!_adapter.Targets(module, isLinear: !isEmbedding && parameter.Name != names.Head))
            {
                continue;
            }

            var isInputMajor = isEmbedding || (Config.WeightsAreInputMajor && parameter.Name != names.Head);
            var (inputs, outputs) = isInputMajor ? (parameter.Shape[0], parameter.Shape[1]) : (parameter.Shape[1], parameter.Shape[0]);
            _changes.Add(parameter.Name, _file.Of(module, _adapter, inputs, outputs, isEmbedding));
            untouched.Remove(module);
            targets++;
        }

        if (targets == 0)
        {
            throw _adapter.Refuse("target_modules", "names no layer of the base model");
        }

        if (untouched.Count > 0)
        {
            throw _file.Refuse($"there are tensors for {untouched.Order(StringComparer.Ordinal).First()}, which the base model does not have or target_modules does not name.");
        }
    }

    private void CheckWhole()
    {
        foreach (var (name, (shape, _)) in _file.Whole.Where(pair => pair.Key != ScoreHead.WeightName))
        {
            if (!_layout.TryGet(name, out var parameter))
            {
                throw _file.Refuse($"there is a tensor {SafetensorsHeader.Shown(name)}, which the base model does not have.");
            }

            if (!shape.SequenceEqual(parameter.Shape.Select(static dimension => (long)dimension)))
            {
                throw _file.Refuse($"{name} is [{string.Join(", ", shape)}] instead of [{string.Join(", ", parameter.Shape)}] as in the base model.");
            }

            if (name.EndsWith(".bias", StringComparison.Ordinal) && !_adapter.HasBiases)
            {
                throw _file.Refuse($"there is a bias {name}, though the configuration's bias is none.");
            }
        }

        // SEQ_CLS names heads of which a model has one.
        foreach (var module in _adapter.SavedModules.Where(module => !_adapter.IsScorer || module is not ("classifier" or "score")))
        {
            if (!_file.Whole.Keys.Any(name => name[..name.LastIndexOf('.')].EndsWith(module, StringComparison.Ordinal)))
            {
                throw _file.Refuse($"modules_to_save names {module}, and the file does not hold it. The file is incomplete: save the adapter again.");
            }
        }
    }

    private void CheckCopies()
    {
        foreach (var (module, shape, values) in _file.Copies)
        {
            var parameter = _layout.TryGet(module + Weight, out _) ? InBase(module + Weight) : throw _file.Refuse($"there is a weight of {module}, which the base model does not have.");
            var same = shape.SequenceEqual(parameter.Shape.Select(static dimension => (long)dimension));
            _base.Read(new ParameterRange(parameter.Offset, same ? parameter.Length : 0), (offset, stored) =>
                same &= stored.SequenceEqual(values.AsSpan((int)(offset - parameter.Offset), stored.Length)));
            if (!same)
            {
                throw _file.Refuse($"the copy of {module}{Weight} is not what the base model has there: the adapter was trained on another one.");
            }
        }
    }

    private ScoreHead? ReadScore()
    {
        if (!_file.Whole.TryGetValue(ScoreHead.WeightName, out var score))
        {
            return _adapter.IsScorer && _base.Score is null ? throw _file.Refuse("there is no score.weight, which the adapter of a reward model has.") : _base.Score;
        }

        return score.Shape is [1, var width] && width == Config.EmbeddingWidth
            ? new ScoreHead(score.Values, Shift: _adapter.ScoreShift)
            : throw _file.Refuse($"score.weight is [{string.Join(", ", score.Shape)}] instead of [1, {Config.EmbeddingWidth}]: one score is needed.");
    }

    private static System.Text.Json.Nodes.JsonObject Untied(System.Text.Json.Nodes.JsonObject config)
    {
        var untied = config.DeepClone().AsObject();
        untied["tie_word_embeddings"] = false;
        return untied;
    }
}
