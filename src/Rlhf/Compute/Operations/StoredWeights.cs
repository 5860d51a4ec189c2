using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>Puts rows of blocks, as a GGUF file holds them, into a packed operand: the numbers are taken as they are.</summary>
public readonly ref struct PackBlocks
{
    /// <summary>On the host: <see cref="Count"/> rows, each the inputs of one output in inputs / 32 blocks. Scales are finite; of Q4_0 at most 8188, so that
    /// -8 d is a half.</summary>
    public required ReadOnlySpan<byte> Rows { get; init; }

    /// <summary>Their format.</summary>
    public required BlockFormat Format { get; init; }

    /// <summary>The operand [inputs, outputs], in the storage of the format.</summary>
    public required PackedMatrix Packed { get; init; }

    /// <summary>A multiple of 32.</summary>
    public required int Inputs { get; init; }

    /// <summary>Outputs of the whole operand.</summary>
    public required int Outputs { get; init; }

    /// <summary>The first row's output.</summary>
    public required int First { get; init; }

    /// <summary>Rows.</summary>
    public required int Count { get; init; }

    internal void Check(IDevice device)
    {
        NeedPacked(device, Packed, Inputs, Outputs);
        var bytes = (long)Count * (Inputs / WeightBlocks.Length) * Format.Bytes();
        if (Inputs % WeightBlocks.Length != 0 || Packed.Storage != Format.Storage() || Rows.Length != bytes
            || First < 0 || Count < 0 || First > Outputs - Count)
        {
            throw new ArgumentException($"{Rows.Length} bytes in {Format} are not {Count} rows of {Inputs} from {First} on of {Outputs}, in {Packed.Storage}.");
        }
    }
}

/// <summary>The float32 numbers of a packed operand.</summary>
/// <param name="Packed">W [inputs, outputs], in any storage, whole.</param>
/// <param name="Inputs">Rows of W.</param>
/// <param name="Outputs">Columns of W.</param>
/// <param name="Layout">How they will stand.</param>
/// <param name="Weights">[inputs, outputs], in the layout.</param>
public readonly record struct UnpackWeights(PackedMatrix Packed, int Inputs, int Outputs, WeightLayout Layout, FloatBuffer Weights)
{
    internal void Check(IDevice device)
    {
        NeedPacked(device, Packed, Inputs, Outputs);
        Need(Weights, (long)Inputs * Outputs);
    }
}

/// <summary>Packs a packed operand for <see cref="LinearBackwardInput"/>: what <see cref="PackWeightsTransposed"/> makes of the numbers of
/// <see cref="UnpackWeights"/>.</summary>
/// <param name="Packed">W [inputs, outputs], in any storage, whole.</param>
/// <param name="Inputs">Rows of W.</param>
/// <param name="Outputs">Columns of W.</param>
/// <param name="Transposed"><see cref="IDevice.PackedLength"/>(outputs, inputs) floats.</param>
public readonly record struct RepackTransposed(PackedMatrix Packed, int Inputs, int Outputs, FloatBuffer Transposed)
{
    internal void Check(IDevice device)
    {
        NeedPacked(device, Packed, Inputs, Outputs);
        NeedPacked(device, Transposed, Outputs, Inputs);
    }
}

/// <summary>y = the inputs of some outputs of a packed operand: rows of a token table that is kept as the head alone.</summary>
/// <param name="Packed">W [inputs, outputs], in any storage.</param>
/// <param name="Inputs">Columns of y: C.</param>
/// <param name="Outputs">Columns of W: V.</param>
/// <param name="Tokens">[N], outputs.</param>
/// <param name="Rows">N.</param>
/// <param name="Y">[N, C].</param>
public readonly record struct PackedEmbedding(PackedMatrix Packed, int Inputs, int Outputs, IntBuffer Tokens, int Rows, FloatBuffer Y)
{
    internal void Check(IDevice device)
    {
        NeedPacked(device, Packed, Inputs, Outputs);
        Need(Tokens, Rows);
        NeedMatrix(Rows, Inputs, Y);
    }
}
