using Rlhf.Compute.Operations;

namespace Rlhf.Model.Checkpoints;

/// <summary>A model in files, open for reading: what it is, and its numbers in parts.</summary>
internal interface IStoredModel : IDisposable
{
    /// <summary>What the model is.</summary>
    DecoderConfig Config { get; }

    /// <summary>The configuration as it stands in the file, and the files to carry along when a model is written.</summary>
    ModelSource Source { get; }

    /// <summary>The scalar head, if this is a reward or value model.</summary>
    ScoreHead? Score { get; }

    /// <summary>False for a reward model with untied embeddings: it has no language head, and that part of the buffer is 0.</summary>
    bool HasLanguageHead { get; }

    /// <summary>The storage that holds a matrix as the file has it: blocks of a kind that are taken as they are. Null: other numbers.</summary>
    /// <param name="matrix">The whole (fused) matrix.</param>
    WeightStorage? BlocksIn(ParameterRange matrix) => null;

    /// <summary>Names of the block formats of a matrix in the file, each of which rounding anew would lose more of.</summary>
    IEnumerable<string> RoundedIn(ParameterRange matrix) => [];

    /// <summary>Gives the blocks of a matrix in parts of whole rows, in our order of rows.</summary>
    /// <param name="matrix">One that <see cref="BlocksIn"/> has a storage for.</param>
    /// <param name="take">Gets them.</param>
    /// <exception cref="InputException">The file cannot be read, or has a scale that is not finite.</exception>
    void ReadBlocks(ParameterRange matrix, TakeBlocks take) => throw new NotSupportedException();

    /// <summary>Gives the parameters that lie in a part of the flat buffer, a few megabytes at a time.</summary>
    /// <param name="range">Holds whole parameters.</param>
    /// <param name="take">Gets numbers and where they lie in the flat buffer.</param>
    /// <exception cref="InputException">A file cannot be read, or has a number that is not finite.</exception>
    void Read(ParameterRange range, Action<long, ReadOnlySpan<float>> take);
}
