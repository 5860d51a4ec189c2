namespace Rlhf.Tokenization;

/// <summary>What to train; see <see cref="BytePairTrainer"/>.</summary>
public sealed record BytePairTrainerOptions
{
    /// <summary>Ids in all: special tokens, the 256 bytes, and merges.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Pairs seen less often than this are not merged.</summary>
    public int MinimumFrequency { get; init; } = 2;

    /// <summary>Special tokens; they get the first ids in this order.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Which of the special tokens stands in front of a sequence; null for none.</summary>
    public string? BeginningOfSequence { get; init; }

    /// <summary>Which of the special tokens ends a sequence; null for none.</summary>
    public string? EndOfSequence { get; init; }

    /// <summary>A chat template to store in tokenizer_config.json; null for none.</summary>
    public string? ChatTemplate { get; init; }
}

/// <summary>Trains a byte-level BPE tokenizer.</summary>
public static class BytePairTrainer
{
    /// <summary>Trains on texts.</summary>
    public static Tokenizer Train(IEnumerable<string> texts, BytePairTrainerOptions options) => throw new NotImplementedException();
}
