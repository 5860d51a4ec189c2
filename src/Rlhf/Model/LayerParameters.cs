namespace Rlhf.Model;

/// <summary>Offsets (floats) of one block's parameters in the flat buffer; null where the model has none.</summary>
public sealed record LayerParameters
{
    /// <summary>[C], gain of the norm before attention.</summary>
    public long? AttentionNormGain { get; init; }

    /// <summary>[C], bias of the norm before attention.</summary>
    public long? AttentionNormBias { get; init; }

    /// <summary>[(H + 2K) D, C], queries, keys, values in this order; [C, 3C] where weights are input-major.</summary>
    public required long QkvWeight { get; init; }

    /// <summary>[(H + 2K) D].</summary>
    public long? QkvBias { get; init; }

    /// <summary>[D] or [H D], gain of the norm over queries.</summary>
    public long? QueryNorm { get; init; }

    /// <summary>[D] or [K D], gain of the norm over keys.</summary>
    public long? KeyNorm { get; init; }

    /// <summary>[C, H D]; [H D, C] where weights are input-major.</summary>
    public required long OutputWeight { get; init; }

    /// <summary>[C].</summary>
    public long? OutputBias { get; init; }

    /// <summary>[C], gain of the norm after attention.</summary>
    public long? AttentionAfterGain { get; init; }

    /// <summary>[C], bias of the norm after attention.</summary>
    public long? AttentionAfterBias { get; init; }

    /// <summary>[C], gain of the norm before the feed-forward block: that before attention where one norm serves both.</summary>
    public long? FeedForwardNormGain { get; init; }

    /// <summary>[C], bias of the norm before the feed-forward block.</summary>
    public long? FeedForwardNormBias { get; init; }

    /// <summary>With a gate [2F, C], gate then up; else [F, C], or [C, F] where weights are input-major.</summary>
    public required long UpWeight { get; init; }

    /// <summary>[2F] or [F].</summary>
    public long? UpBias { get; init; }

    /// <summary>[C, F]; [F, C] where weights are input-major.</summary>
    public required long DownWeight { get; init; }

    /// <summary>[C].</summary>
    public long? DownBias { get; init; }

    /// <summary>[C], gain of the norm after the feed-forward block.</summary>
    public long? FeedForwardAfterGain { get; init; }

    /// <summary>[C], bias of the norm after the feed-forward block.</summary>
    public long? FeedForwardAfterBias { get; init; }
}
