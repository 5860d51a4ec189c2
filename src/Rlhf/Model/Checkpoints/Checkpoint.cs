using System.Security.Cryptography;
using System.Text;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Hub;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Model.Checkpoints;

/// <summary>
/// A model that people name: its configuration, tokenizer, format, heads and weights. The one way to open one; each part is read when it is first asked for,
/// and no file is kept open.
/// </summary>
public sealed class Checkpoint
{
    private readonly string _name;
    private readonly Lazy<Contents> _contents;
    private readonly Lazy<GgufModel>? _gguf;
    private readonly Checkpoint? _base;
    private readonly Lazy<Tokenizer> _tokenizer;
    private readonly Lazy<string> _hash;

    private const int MostAdapters = 8;

    private sealed record Contents(
        DecoderConfig Config, ModelSource Source, ScoreHead? Score, bool HasLanguageHead, AdapterLayout? Apart, string? WhyNotApart);

    private Checkpoint(string name, Checkpoint? adapted, int adapters)
    {
        _name = name;
        Folder = HubFiles.Model(name, withWeights: false);
        if (adapted is not null || IsAdapter)
        {
            _base = adapters < MostAdapters
                ? adapted ?? new Checkpoint(BaseOf(Folder), null, adapters + 1)
                : throw new InputException($"{Folder}: more than {MostAdapters} adapters stand on one another.");
        }

        _gguf = GgufFile.Is(Folder) ? new Lazy<GgufModel>(() => GgufModel.Open(Folder)) : null;
        _contents = new Lazy<Contents>(Read);
        _tokenizer = new Lazy<Tokenizer>(ReadTokenizer);
        _hash = new Lazy<string>(() => WholeHash);
    }

    /// <summary>
    /// Opens a Hugging Face folder, a GGUF file or the folder of an adapter (PEFT's LoRA or DoRA); nothing is read yet. Of a name on the hub what is small is
    /// fetched now, the weights when they are first needed.
    /// </summary>
    /// <param name="name">The folder or file, or <c>org/name</c> or <c>org/name/file.gguf</c> on the hub.</param>
    /// <param name="adapted">The model that an adapter is put on; null takes the one that the adapter itself names. An adapter may stand on another one.</param>
    /// <exception cref="InputException">The hub has no such model, or does not give it.</exception>
    /// <exception cref="RunFailedException">The hub cannot be asked.</exception>
    public static Checkpoint Open(string name, string? adapted = null) => new(name, adapted is null ? null : new(adapted, null, 1), 0);

    /// <summary>The same for an adapter on a model that is open, which it shares.</summary>
    public static Checkpoint Open(string name, Checkpoint adapted) => new(name, adapted, 0);

    /// <summary>Where it stands.</summary>
    public string Folder { get; }

    /// <summary>What the model is.</summary>
    /// <exception cref="InputException">The folder is not a sound model that is implemented; so of all that follow.</exception>
    public DecoderConfig Config => _contents.Value.Config;

    /// <summary>What is carried along when a model trained from it is saved.</summary>
    public ModelSource Source => _contents.Value.Source;

    /// <summary>The scalar head of a reward or value model; null in a language model.</summary>
    public ScoreHead? Score => _contents.Value.Score;

    /// <summary>Whether it writes text.</summary>
    public bool HasLanguageHead => _contents.Value.HasLanguageHead;

    /// <summary>Text to ids and back, with the ids that end a text.</summary>
    /// <exception cref="InputException">The folder has no sound tokenizer.</exception>
    public Tokenizer Tokenizer => _tokenizer.Value;

    /// <summary>Whether it has a tokenizer.</summary>
    public bool HasTokenizer => _gguf is null
        ? TokenizerFiles.HasTokenizer(Folder) || _base is { HasTokenizer: true }
        : Source.Files.ContainsKey(TokenizerFiles.TokenizerJson);

    /// <summary>The format that was written beside the model when it was trained; null where none was.</summary>
    public FormatOptions? WrittenFormat => (_gguf is null ? FormatFile.Read(Folder) : null) ?? _base?.WrittenFormat;

    /// <summary>How prompts and answers are written for it: <see cref="WrittenFormat"/>, else its chat template where it has one, else plain text; an answer
    /// ends in the end-of-sequence token where there is one.</summary>
    public FormatOptions Format =>
        Resolve(new FormatOptions { AddEos = WrittenFormat is null ? Tokenizer.EndOfSequence is not null : new FormatOptions().AddEos });

    /// <summary>The options with <c>auto</c> replaced by the model's own format.</summary>
    public FormatOptions Resolve(FormatOptions options) =>
        options.Template == FormatTemplate.Auto ? FormatFile.Resolve(options, WrittenFormat, Tokenizer) : options;

    /// <summary>SHA-256 (hex) of all of its files.</summary>
    public string Hash => _hash.Value;

    /// <summary>Whether it is an adapter on another model.</summary>
    public bool IsAdapted => _base is not null;

    /// <summary>Formats of blocks that were made float32 and rounded a second time when the model was loaded last.</summary>
    public IReadOnlyCollection<string> RoundedAgain { get; private set; } = [];

    /// <summary>The base that an adapter says it was trained on, where it was put on another one; null where it says none, and of a whole model.</summary>
    public string? OtherBase => _base is not null && IsAdapter && AdapterConfig.Read(Folder).Base is { Length: > 0 } named
        && named != _base.Name && WholePath(Path.Combine(Folder, named)) != WholePath(_base.Folder) ? named : null;

    /// <summary>What an adapter stands on; null for a whole model.</summary>
    public Checkpoint? Beneath => _base;

    /// <summary>Whether it is an adapter that stands beside the weights of the model beneath it, which may then be shared. Other adapters are put into the
    /// weights when they are loaded.</summary>
    /// <exception cref="InputException">The adapter or what is beneath it is not sound.</exception>
    public bool StandsApart => _contents.Value.Apart is not null;

    /// <summary>Where the numbers lie of an adapter that stands apart.</summary>
    public AdapterLayout? Apart => _contents.Value.Apart;

    /// <summary>What of an adapter cannot stand apart, so that it is put into the weights: <c>DoRA's magnitudes</c>; null where nothing is.</summary>
    public string? WhyNotApart => _contents.Value.WhyNotApart;

    /// <summary>The name or path that it was opened by.</summary>
    public string Name => _name;

    /// <summary>Looks whether the model can be used, without reading its numbers.</summary>
    /// <exception cref="InputException">It cannot.</exception>
    public void Check() => _ = Config;

    /// <summary>
    /// Loads the model. A scalar head that the folder does not have is left zero; a language head that it does not have is an error.
    /// </summary>
    /// <param name="device">Where the model will compute.</param>
    /// <param name="kind">The heads that are needed.</param>
    /// <param name="trainable">Whether it will be trained.</param>
    /// <param name="storage">What the matrices of a model that will not be trained are kept in; null takes what loses nothing: blocks of a GGUF file as they are,
    /// else float32.</param>
    /// <param name="shifted">Whether the shift of a reward model is added to its scores, so that the demonstrations have 0 on average.</param>
    /// <exception cref="InputException">The folder is not a sound model of these kinds.</exception>
    public Decoder Load(IDevice device, HeadKind kind, bool trainable = false, WeightStorage? storage = WeightStorage.F32, bool shifted = false)
    {
        RequireHead(kind);
        if (!trainable && _base is not null && StandsApart)
        {
            using var weights = _base.Load(device, kind & HeadKind.Language, trainable: false, storage);
            RoundedAgain = _base.RoundedAgain;
            return LoadOn(weights, kind, trainable: false, shifted);
        }

        using var file = OpenFiles();
        var wanted = storage ?? (device.Precision == Precision.Bf16 ? WeightStorage.F32 : null); // products in bfloat16 round blocks anew each time
        var again = new SortedSet<string>(StringComparer.Ordinal);
        WeightStorage? InFile(ParameterRange matrix)
        {
            var found = file.BlocksIn(matrix);
            again.UnionWith(found is null && wanted is { } other && WeightBlocks.AreIn(other) ? file.RoundedIn(matrix) : []);
            return found;
        }

        var decoder = new Decoder(device, file.Config, kind, trainable, wanted, isFrozen: !trainable, trainable ? null : InFile);
        try
        {
            decoder.Load(
                (range, destination) =>
                    file.Read(range, (offset, values) => device.CopyIn(values, destination.Slice(offset - range.Offset, values.Length))),
                (matrix, found, take) => ReadBlocks(file, matrix, found, take));
            SetScore(decoder, shifted);
            RoundedAgain = again;
            return decoder;
        }
        catch
        {
            decoder.Dispose();
            throw;
        }
    }

    /// <summary>Loads an adapter that stands apart (<see cref="StandsApart"/>) on the model beneath it, whose weights it shares.</summary>
    /// <param name="beneath">What <see cref="Beneath"/> is, loaded and frozen.</param>
    /// <param name="kind">The heads that are needed.</param>
    /// <param name="trainable">Whether the adapter will be trained.</param>
    /// <param name="shifted">Whether the shift of a reward model is added to its scores.</param>
    /// <exception cref="InputException">The adapter is not sound, or not of these kinds.</exception>
    public Decoder LoadOn(Decoder beneath, HeadKind kind, bool trainable, bool shifted = false)
    {
        RequireHead(kind);
        using var file = (AdaptedModel)OpenFiles();
        var layout = Apart!;
        var numbers = new float[layout.Length];
        file.Fill(layout, numbers);
        var decoder = new Decoder(beneath, layout, kind, trainable);
        decoder.Device.CopyIn(numbers, decoder.Parameters.Slice(0, numbers.Length));
        SetScore(decoder, shifted);
        decoder.Refresh();
        return decoder;
    }

    /// <summary>
    /// Writes a model folder, whole or not at all: with a scalar head as a reward model, else as a language model. The head's bias becomes the shift, which is
    /// no part of the score.
    /// </summary>
    /// <param name="decoder">The model.</param>
    /// <param name="folder">Replaced if it exists.</param>
    /// <param name="source">The folder it was trained from, whose tokenizer and configuration are carried along; null for a model from scratch.</param>
    /// <param name="asReward">Whether the scalar head is what is saved.</param>
    /// <param name="options">Number type and shards; the rest is set here.</param>
    public static void Save(Decoder decoder, string folder, ModelSource? source, bool asReward, SaveOptions? options = null)
    {
        void Read(long first, Span<float> destination) => decoder.Device.CopyOut(decoder.Parameters.Slice(first, destination.Length), destination);
        var settings = (options ?? new SaveOptions()) with { Source = source, Score = asReward ? ScoreOf(decoder) : null };
        DurableFiles.ReplaceFolderAtomically(folder, partial => HuggingFaceWriter.Save(partial, decoder.Config, Read, settings));
    }

    /// <summary>Writes the adapter of a decoder as PEFT's folder, whole or not at all, with the scalar head as in <see cref="Save"/>.</summary>
    /// <param name="decoder">A decoder with an adapter.</param>
    /// <param name="folder">Replaced if it exists.</param>
    /// <param name="source">What is carried along.</param>
    /// <param name="asReward">Whether the scalar head is saved.</param>
    /// <param name="settings">What is said of the adapter.</param>
    /// <param name="options">Number type; the rest is set here.</param>
    public static void SaveAdapter(
        Decoder decoder, string folder, ModelSource source, bool asReward, AdapterSettings settings, SaveOptions? options = null)
    {
        var form = (options ?? new SaveOptions()) with { Source = source, Score = asReward ? ScoreOf(decoder) : null };
        DurableFiles.ReplaceFolderAtomically(folder, partial => AdapterWriter.Save(partial, decoder, settings, form));
    }

    /// <summary>Writes the model as a folder, whole or not at all.</summary>
    /// <param name="folder">Replaced if it exists.</param>
    /// <param name="options">Number type and shards; the rest is set here.</param>
    /// <param name="progress">Told how many numbers more are written.</param>
    /// <exception cref="InputException">The model is not sound.</exception>
    public void ExportFolder(string folder, SaveOptions options, Action<long> progress)
    {
        using var model = OpenFiles();
        var parameters = new StoredParameters(model);
        void Read(long first, Span<float> destination)
        {
            parameters.Read(first, destination);
            progress(destination.Length);
        }

        var source = Source;
        if (WrittenFormat is { } format)
        {
            var files = new Dictionary<string, byte[]>(source.Files, StringComparer.Ordinal) { [FormatFile.Name] = FormatFile.Write(format) };
            source = source with { Files = files };
        }

        var settings = options with { Source = source, Score = model.Score };
        DurableFiles.ReplaceFolderAtomically(folder, partial => HuggingFaceWriter.Save(partial, model.Config, Read, settings));
    }

    /// <summary>Writes the model as a GGUF file, whole or not at all.</summary>
    /// <param name="path">Replaced if it exists.</param>
    /// <param name="type">F32, F16, BF16, Q8_0 or Q4_0.</param>
    /// <param name="progress">Told how many numbers more are written.</param>
    /// <exception cref="InputException">The model is not sound, or GGUF has no place for it.</exception>
    public void ExportGguf(string path, GgufTensorType type, Action<long> progress)
    {
        using var model = OpenFiles();
        // The folder of a fetched model is called by its commit.
        var name = HubName.Find(_name) is { File: null } fetched
            ? fetched.Repository.Split('/')[^1]
            : Path.GetFileNameWithoutExtension(Path.TrimEndingDirectorySeparator(Path.GetFullPath(Folder)));
        DurableFiles.WriteAtomically(path, stream => GgufExport.Write((FileStream)stream, model, name, HasTokenizer ? Tokenizer : null, type, progress));
    }

    /// <summary>What rounding took from an adapter in a folder to which <see cref="ExportFolder"/> wrote: the length of the rounding over the length of the
    /// change, both over all weights that the adapter changes.</summary>
    /// <param name="folder">The written folder.</param>
    public double RoundingIn(string folder)
    {
        using var model = (AdaptedModel)OpenFiles();
        using var written = HuggingFaceFolder.Load(folder);
        var (exact, below, stored) = (new StoredParameters(model), new StoredParameters(model.Base), new StoredParameters(written));
        var (lost, changed) = (0.0, 0.0);
        foreach (var parameter in model.Changed)
        {
            var (wanted, before, found) = (exact.Of(parameter), below.Of(model.InBase(parameter.Name)), stored.Of(stored.Layout[parameter.Name]));
            for (var i = 0; i < wanted.Length; i++)
            {
                lost += Square(found[i] - (double)wanted[i]);
                changed += Square(wanted[i] - (double)before[i]);
            }
        }

        return changed > 0 ? Math.Sqrt(lost / changed) : 0;

        static double Square(double x) => x * x;
    }

    private static bool ReadBlocks(IStoredModel file, ParameterRange matrix, WeightStorage storage, TakeBlocks take)
    {
        if (file.BlocksIn(matrix) != storage)
        {
            return false;
        }

        file.ReadBlocks(matrix, take);
        return true;
    }

    private void RequireHead(HeadKind kind)
    {
        if (kind.HasFlag(HeadKind.Language) && !HasLanguageHead)
        {
            throw new InputException($"{Folder}: this is a reward model without a language head; a language model is needed here.");
        }
    }

    /// <summary>Gives a decoder the scalar head that is stored here, where both have one.</summary>
    /// <param name="decoder">The decoder.</param>
    /// <param name="shifted">Whether the shift is added to its scores.</param>
    public void SetScore(Decoder decoder, bool shifted)
    {
        if (decoder.Kind.HasFlag(HeadKind.Scalar) && Score is { } score)
        {
            decoder.Device.CopyIn(score.Weight, decoder.ScalarWeights);
            decoder.Device.CopyIn([shifted ? score.Bias + score.Shift : score.Bias], decoder.ScalarBiases);
        }
    }

    private static ScoreHead ScoreOf(Decoder decoder)
    {
        var weight = new float[decoder.Config.EmbeddingWidth];
        Span<float> bias = stackalloc float[1];
        decoder.Device.CopyOut(decoder.ScalarWeights, weight);
        decoder.Device.CopyOut(decoder.ScalarBiases, bias);
        return new ScoreHead(weight, Shift: bias[0]);
    }

    private bool IsAdapter => Directory.Exists(Folder) && File.Exists(Path.Combine(Folder, AdapterConfig.FileName))
        && !File.Exists(Path.Combine(Folder, ModelSource.ConfigFile));

    private string WholeHash => _base is null ? OwnHash
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes($"{_base.Hash} {OwnHash}")));

    private string OwnHash => _gguf is null ? DurableFiles.ContentHash(WholeFolder()) : HashOf(GgufParts.Of(Folder));

    private static string HashOf(IReadOnlyList<string> files) => files is [var only]
        ? DurableFiles.FileHash(only)
        : Convert.ToHexStringLower(SHA256.HashData(Encoding.ASCII.GetBytes(string.Join(' ', files.Select(DurableFiles.FileHash)))));

    // A path beside the adapter, a path, or a name on the hub.
    private static string BaseOf(string folder)
    {
        var name = AdapterConfig.Read(folder).Base;
        if (string.IsNullOrEmpty(name))
        {
            throw new InputException($"{folder}: the adapter does not name its base model (base_model_name_or_path). Name it: --model BASE --adapter {folder}.");
        }

        var beside = Path.GetFullPath(Path.Combine(folder, name));
        return Directory.Exists(beside) || File.Exists(beside) ? beside : name;
    }

    private static string WholePath(string path) => Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));

    private Tokenizer ReadTokenizer() => _gguf is not null ? OfFile()
        : _base is not null && !TokenizerFiles.HasTokenizer(Folder) ? _base.Tokenizer
        : Tokenizer.Load(Folder);

    private Tokenizer OfFile() => HasTokenizer
        ? Tokenizer.FromFiles(new TokenizerFiles(Folder, new Dictionary<string, byte[]>(Source.Files, StringComparer.Ordinal)))
        : throw new InputException($"{Folder}: this file has no tokenizer, so it takes and gives token ids alone.");

    private string WholeFolder() => HubFiles.Model(_name);

    private IStoredModel OpenFiles() => _base is not null ? AdaptedModel.Create(_base.OpenFiles(), WholeFolder())
        : _gguf is null ? HuggingFaceFolder.Load(WholeFolder())
        : _gguf.Value;

    private Contents Read()
    {
        using var file = OpenFiles();
        var source = _base is not null ? file.Source.WithFilesOf(Folder) : file.Source;
        var (apart, whyNot) = (file as AdaptedModel)?.Apart() ?? (null, null);
        return new Contents(file.Config, source, file.Score, file.HasLanguageHead, apart, whyNot);
    }
}
