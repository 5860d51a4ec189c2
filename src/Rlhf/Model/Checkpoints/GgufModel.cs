using Rlhf.Compute.Operations;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Model.Families;
using Rlhf.Text;

namespace Rlhf.Model.Checkpoints;

/// <summary>A model in a GGUF file, with its tokenizer. The file is open only while numbers are read.</summary>
internal sealed class GgufModel : IStoredModel
{
    private readonly GgufWeights _weights;

    private GgufModel(string path)
    {
        var file = GgufFile.Open(path);
        var json = GgufConfig.Read(file);
        Config = DecoderConfigReader.Read(DecoderConfigWriter.ToElement(json), path);
        var architecture = GgufArchitecture.Find(file.Metadata.Text(GgufKeys.Architecture)!)!;
        _weights = new GgufWeights(file, new ParameterLayout(Config), architecture.TurnsNeighbours);
        var vocabulary = GgufVocabularies.Read(file, Config.VocabularySize);
        Source = new ModelSource(json, vocabulary is null ? new Dictionary<string, byte[]>() : GgufTokenizerFiles.Create(vocabulary));
    }

    /// <inheritdoc/>
    public DecoderConfig Config { get; }

    /// <inheritdoc/>
    public ModelSource Source { get; }

    /// <inheritdoc/>
    public ScoreHead? Score => null;

    /// <inheritdoc/>
    public bool HasLanguageHead => true;

    /// <summary>Opens a file and checks it.</summary>
    /// <exception cref="InputException">It is not a sound model that is implemented; the message says why.</exception>
    public static GgufModel Open(string path) => new(path);

    /// <inheritdoc/>
    public WeightStorage? BlocksIn(ParameterRange matrix) => _weights.BlocksIn(matrix);

    /// <inheritdoc/>
    public IEnumerable<string> RoundedIn(ParameterRange matrix) => _weights.RoundedIn(matrix);

    /// <inheritdoc/>
    public void ReadBlocks(ParameterRange matrix, TakeBlocks take) => _weights.ReadBlocks(matrix, take);

    /// <inheritdoc/>
    public void Read(ParameterRange range, Action<long, ReadOnlySpan<float>> take) => _weights.Read(range, take);

    /// <inheritdoc/>
    public void Dispose()
    {
    }
}
