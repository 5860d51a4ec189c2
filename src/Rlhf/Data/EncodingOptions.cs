namespace Rlhf.Data;

/// <summary>What becomes of a row with more tokens than a limit allows.</summary>
public enum OverlongPolicy
{
    /// <summary>The run ends and names the row.</summary>
    Error,

    /// <summary>The row is left out and counted in the ledger.</summary>
    Drop,

    /// <summary>A prompt loses its beginning (the last turns and the beginning-of-sequence token stay), a response its end and with it the end-of-sequence token; counted in the ledger.</summary>
    Truncate,
}

/// <summary>Limits on the length of encoded rows; none where absent.</summary>
public sealed record EncodingOptions
{
    /// <summary>The most tokens of a prompt, the beginning-of-sequence token included.</summary>
    public int? MaxPromptTokens { get; init; }

    /// <summary>The most tokens of a response, the end-of-sequence token included.</summary>
    public int? MaxResponseTokens { get; init; }

    /// <summary>The most tokens of prompt and response together; plain text is cut into pieces of this length, none of it lost.</summary>
    public int? MaxTokens { get; init; }

    /// <summary>What becomes of a longer row.</summary>
    public OverlongPolicy OnOverlong { get; init; } = OverlongPolicy.Error;
}
