using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>
/// The shape of grouped-query attention. A row of the fused projection holds <paramref name="Heads"/> queries, then
/// <paramref name="KeyValueHeads"/> keys, then as many values, each <paramref name="HeadWidth"/> wide; query head h reads key head
/// h / (Heads / KeyValueHeads).
/// </summary>
public readonly record struct AttentionShape(int Heads, int KeyValueHeads, int HeadWidth)
{
    /// <summary>A sequence's keys are met in tiles of this many positions from position 0 on.</summary>
    public const int TilePositions = 32;

    /// <summary>Floats in a row of the fused projection.</summary>
    public int RowWidth => (Heads + (2 * KeyValueHeads)) * HeadWidth;

    /// <summary>Floats in a row of the output.</summary>
    public int OutputWidth => Heads * HeadWidth;
}

/// <summary>
/// One sequence of a packed batch: its rows [<paramref name="FirstRow"/>, + <paramref name="Rows"/>) are its tokens at positions
/// <paramref name="Past"/>, <paramref name="Past"/> + 1, ...; its keys and values stand at <paramref name="Store"/> (floats) in the key-value memory, which has
/// room for
/// <paramref name="Capacity"/> positions and holds the <paramref name="Past"/> earlier ones.
/// </summary>
/// <remarks>
/// A branch goes on from a prompt that stands in the same batch once and may have other branches: <paramref name="Prefix"/> is the number of the prompt's span
/// (-1: none), whose
/// <paramref name="Past"/> rows are the branch's earlier positions. A prompt's branches follow it directly. The memory of a branch begins with the tile of
/// <see cref="AttentionShape.TilePositions"/> positions in which its first own position lies; the tiles before it are read from the prompt's.
/// </remarks>
public readonly record struct SequenceSpan(int FirstRow, int Rows, int Past, long Store, int Capacity, int Prefix = -1)
{
    /// <summary>The first of the rows that asks: attention has no output for the rows before it, which leave their keys and values only.</summary>
    public int FirstQuery { get; init; }

    /// <summary>The first position that the sequence's own memory holds.</summary>
    public int FirstStored => Prefix < 0 ? 0 : Past / AttentionShape.TilePositions * AttentionShape.TilePositions;

    /// <summary>
    /// Rows of the batch. Queries must begin inside of a span or at its end; a branch must stand behind its prompt or behind another branch of it, and go on
    /// from the prompt's last row.
    /// </summary>
    internal static int Check(ReadOnlySpan<SequenceSpan> sequences)
    {
        var rows = 0;
        for (var i = 0; i < sequences.Length; i++)
        {
            rows = Math.Max(rows, sequences[i].FirstRow + sequences[i].Rows);
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)sequences[i].FirstQuery, (uint)sequences[i].Rows);
            var prefix = sequences[i].Prefix;
            if (prefix >= 0 && (i == 0 || (prefix != i - 1 && prefix != sequences[i - 1].Prefix) || sequences[prefix] is not { Prefix: < 0, Past: 0 }
                || sequences[prefix].Rows != sequences[i].Past))
            {
                throw new ArgumentException($"Span {i} is no branch of span {prefix}.");
            }
        }

        return rows;
    }
}

/// <summary>
/// Writes the rows' keys and values to the key-value memory (a bfloat16 device rounds them, in qkv too), then causal attention of each row over its sequence's
/// positions up to its own:
/// softmax(q k / sqrt(D)) v, tile by tile (online softmax; Milakov and Gimelshein 2018). Rows before a span's <see cref="SequenceSpan.FirstQuery"/> have no
/// output.
/// </summary>
/// <param name="qkv">The fused projection [N, (H + 2 K) D].</param>
/// <param name="sequences">The spans of the batch [B].</param>
/// <param name="shape">H, K and D.</param>
/// <param name="keyValues">The key-value memory: <see cref="IDevice.KeyValueLength"/> floats at each span's store.</param>
/// <param name="output">[N, H D].</param>
/// <param name="logSumExp">[N, H], kept for the backward pass; or empty.</param>
/// <param name="rules">What is done to the scores beside this.</param>
public readonly ref struct AttentionForward(
    FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp,
    AttentionRules rules = default)
{
    /// <summary>The fused projection [N, (H + 2 K) D].</summary>
    public FloatBuffer Qkv { get; } = qkv;

    /// <summary>[B].</summary>
    public ReadOnlySpan<SequenceSpan> Sequences { get; } = sequences;

    /// <summary>H, K and D.</summary>
    public AttentionShape Shape { get; } = shape;

    /// <summary>The key-value memory.</summary>
    public FloatBuffer KeyValues { get; } = keyValues;

    /// <summary>[N, H D].</summary>
    public FloatBuffer Output { get; } = output;

    /// <summary>[N, H], or empty.</summary>
    public FloatBuffer LogSumExp { get; } = logSumExp;

    /// <summary>What is done to the scores.</summary>
    public AttentionRules Rules { get; } = rules;

    internal void Check(IDevice device)
    {
        var rows = SequenceSpan.Check(Sequences);
        NeedMatrix(rows, Shape.RowWidth, Qkv);
        NeedMatrix(rows, Shape.OutputWidth, Output);
        NeedOrEmpty(LogSumExp, (long)rows * Shape.Heads);
        Rules.Check(Shape);
        foreach (var sequence in Sequences)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence.Past + sequence.Rows - sequence.FirstStored, sequence.Capacity);
            Need(KeyValues, sequence.Store + device.KeyValueLength(Shape, sequence.Capacity));
        }
    }
}

/// <summary>
/// dQkv from dOutput for whole sequences and for prompts with branches (nothing in a cache). The gradient of a prompt's keys and values is the sum over its own
/// queries and those of
/// its branches, in the order of the batch. Rows before a span's <see cref="SequenceSpan.FirstQuery"/> get a query gradient of zero.
/// </summary>
/// <param name="qkv">The fused projection [N, (H + 2 K) D].</param>
/// <param name="sequences">The spans of the batch [B].</param>
/// <param name="shape">H, K and D.</param>
/// <param name="output">[N, H D], of the forward pass.</param>
/// <param name="logSumExp">[N, H], of the forward pass.</param>
/// <param name="dOutput">[N, H D].</param>
/// <param name="dQkv">[N, (H + 2 K) D].</param>
/// <param name="rules">As in the forward pass.</param>
public readonly ref struct AttentionBackward(
    FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput,
    FloatBuffer dQkv, AttentionRules rules = default)
{
    /// <summary>The fused projection [N, (H + 2 K) D].</summary>
    public FloatBuffer Qkv { get; } = qkv;

    /// <summary>[B].</summary>
    public ReadOnlySpan<SequenceSpan> Sequences { get; } = sequences;

    /// <summary>H, K and D.</summary>
    public AttentionShape Shape { get; } = shape;

    /// <summary>[N, H D].</summary>
    public FloatBuffer Output { get; } = output;

    /// <summary>[N, H].</summary>
    public FloatBuffer LogSumExp { get; } = logSumExp;

    /// <summary>[N, H D].</summary>
    public FloatBuffer DOutput { get; } = dOutput;

    /// <summary>[N, (H + 2 K) D].</summary>
    public FloatBuffer DQkv { get; } = dQkv;

    /// <summary>As in the forward pass.</summary>
    public AttentionRules Rules { get; } = rules;

    internal void Check()
    {
        var rows = SequenceSpan.Check(Sequences);
        NeedMatrix(rows, Shape.RowWidth, Qkv, DQkv);
        NeedMatrix(rows, Shape.OutputWidth, Output, DOutput);
        NeedMatrix(rows, Shape.Heads, LogSumExp);
        Rules.Check(Shape);
        foreach (var sequence in Sequences)
        {
            if (sequence.Past > 0 && sequence.Prefix < 0)
            {
                throw new ArgumentException("A sequence whose earlier positions are in a cache has no backward pass.");
            }
        }
    }
}

/// <summary>Copies the keys and values of the first positions from one sequence's memory to another's.</summary>
/// <param name="Source"><see cref="IDevice.KeyValueLength"/> floats.</param>
/// <param name="Destination">As many.</param>
/// <param name="Shape">H, K and D.</param>
/// <param name="Capacity">Positions that both have room for.</param>
/// <param name="Positions">Positions that are copied.</param>
public readonly record struct CopyKeyValues(FloatBuffer Source, FloatBuffer Destination, AttentionShape Shape, int Capacity, int Positions)
{
    internal void Check(IDevice device)
    {
        NeedEach(device.KeyValueLength(Shape, Capacity), Source, Destination);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(Positions, Capacity);
    }
}
