using Rlhf.Model.Checkpoints;

namespace Rlhf.Stages;

/// <summary>Number types of written models.</summary>
public enum SavedType
{
    /// <summary>float32.</summary>
    F32,

    /// <summary>bfloat16.</summary>
    Bf16,

    /// <summary>IEEE half.</summary>
    F16,
}

/// <summary>How stages write their models.</summary>
public sealed record SaveForm
{
    /// <summary>The numbers' type. A later stage reads what was written: with <c>bf16</c> and <c>f16</c> it starts from rounded weights.</summary>
    public SavedType Dtype { get; init; }

    /// <summary>Most bytes of weights in one file, such as <c>2GB</c>; more are written as shards with an index.</summary>
    public string Shard { get; init; } = "5GB";

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors) => errors.Require(ByteSize.Parse(Shard) is not null, nameof(Shard), $"expected {ByteSize.Form}, found '{Shard}'");

    /// <summary>The same for the writer.</summary>
    internal SaveOptions Options => new() { Type = TypeOf(Dtype), MaxShardBytes = ByteSize.Parse(Shard)!.Value };

    /// <summary>The type in a file.</summary>
    public static TensorType TypeOf(SavedType type) => type switch
    {
        SavedType.F32 => TensorType.F32,
        SavedType.Bf16 => TensorType.BF16,
        SavedType.F16 => TensorType.F16,
        _ => throw new ArgumentOutOfRangeException(nameof(type)),
    };
}
