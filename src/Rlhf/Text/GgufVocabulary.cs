namespace Rlhf.Text;

/// <summary>A tokenizer as GGUF files list it.</summary>
internal sealed record GgufVocabulary
{
    /// <summary>The kind of byte-level BPE with merges.</summary>
    public const string BytePairs = "gpt2";

    /// <summary>The kind of SentencePiece pieces with scores.</summary>
    public const string SentencePiece = "llama";

    /// <summary>Type of a token that texts are made of.</summary>
    public const int Normal = 1;

    /// <summary>Type of the token for what is in no vocabulary.</summary>
    public const int UnknownType = 2;

    /// <summary>Type of a token that people do not see.</summary>
    public const int Control = 3;

    /// <summary>Type of a token that is cut out of texts, and seen.</summary>
    public const int UserDefined = 4;

    /// <summary>Type of a row without a token.</summary>
    public const int Unused = 5;

    /// <summary>Type of a token for one byte, <c>&lt;0xNN&gt;</c>.</summary>
    public const int ByteType = 6;

    /// <summary><see cref="BytePairs"/> or <see cref="SentencePiece"/>.</summary>
    public required string Kind { get; init; }

    /// <summary>Name of the pre-tokenizer.</summary>
    public required string Pre { get; init; }

    /// <summary>Spellings by id.</summary>
    public required string[] Tokens { get; init; }

    /// <summary>Types by id; null where all are normal.</summary>
    public int[]? Types { get; init; }

    /// <summary>Scores by id: the best piece is merged first. Of byte pairs they say nothing.</summary>
    public double[]? Scores { get; init; }

    /// <summary>Pairs with a space between, the first merged first.</summary>
    public required string[] Merges { get; init; }

    /// <summary>Id in front of a sequence.</summary>
    public int? Beginning { get; init; }

    /// <summary>Id that ends a sequence.</summary>
    public int? End { get; init; }

    /// <summary>Id that ends a turn.</summary>
    public int? EndOfTurn { get; init; }

    /// <summary>Id of what is in no vocabulary.</summary>
    public int? Unknown { get; init; }

    /// <summary>Id that fills up rows.</summary>
    public int? Padding { get; init; }

    /// <summary>Whether <see cref="Beginning"/> is put in front.</summary>
    public bool AddsBeginning { get; init; }

    /// <summary>Whether <see cref="End"/> is put behind.</summary>
    public bool AddsEnd { get; init; }

    /// <summary>Whether a space is put in front of texts.</summary>
    public bool AddsSpace { get; init; }

    /// <summary>The chat template, or null.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>The type of an id.</summary>
    public int TypeOf(int id) => Types?[id] ?? Normal;
}
