namespace Rlhf.Compute.Operations;

/// <summary>How a linear layer's weights stand in memory.</summary>
public enum WeightLayout
{
    /// <summary>[inputs, outputs], as GPT-2's Conv1D.</summary>
    InputMajor,

    /// <summary>[outputs, inputs], as PyTorch's Linear.</summary>
    OutputMajor,
}

/// <summary>
/// The outputs of a linear layer that an operation is about: <paramref name="Count"/> columns from <paramref name="First"/> on, of the <paramref name="All"/> in a row of y. Others are
/// neither read nor written. Both ends are multiples of <see cref="Step"/>, or the layer's ends.
/// </summary>
public readonly record struct Outputs(int All, int First, int Count)
{
    /// <summary>Columns are packed by so many.</summary>
    public const int Step = 64;

    /// <summary>All of them.</summary>
    public static implicit operator Outputs(int all) => new(all, 0, all);
}

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
/// <paramref name="Past"/>, <paramref name="Past"/> + 1, ...; its keys and values stand at <paramref name="Store"/> (floats) in the key-value memory, which has room for
/// <paramref name="Capacity"/> positions and holds the <paramref name="Past"/> earlier ones.
/// </summary>
/// <remarks>
/// A branch goes on from a prompt that stands in the same batch once and may have other branches: <paramref name="Prefix"/> is the number of the prompt's span (-1: none), whose
/// <paramref name="Past"/> rows are the branch's earlier positions. A prompt's branches follow it directly. The memory of a branch begins with the tile of
/// <see cref="AttentionShape.TilePositions"/> positions in which its first own position lies; the tiles before it are read from the prompt's.
/// </remarks>
public readonly record struct SequenceSpan(int FirstRow, int Rows, int Past, long Store, int Capacity, int Prefix = -1)
{
    /// <summary>The first of the rows that asks: attention has no output for the rows before it, which leave their keys and values only.</summary>
    public int FirstQuery { get; init; }

    /// <summary>The first position that the sequence's own memory holds.</summary>
    public int FirstStored => Prefix < 0 ? 0 : Past / AttentionShape.TilePositions * AttentionShape.TilePositions;
}

/// <summary>
/// Counter-based dropout: element (row, column) is kept with probability 1 - <paramref name="Probability"/>, decided by (<paramref name="Seed"/>, <paramref name="Stream"/>,
/// <paramref name="FirstRow"/> + row, column), and scaled by 1 / (1 - p). Rows are counted over the whole optimizer batch, so the mask does not depend on how that batch is split.
/// </summary>
public readonly record struct Dropout(float Probability, ulong Seed, ulong Stream, uint FirstRow)
{
    /// <summary>False for the identity.</summary>
    public bool IsActive => Probability > 0;
}

/// <summary>
/// One AdamW update (Loshchilov and Hutter 2019): p -= lr wd p; m, v; p -= lr m^ / (sqrt(v^) + eps), gradients multiplied by
/// <paramref name="GradientScale"/> (clipping) first. <paramref name="Step"/> counts from 1.
/// </summary>
public readonly record struct AdamWStep(double LearningRate, double Beta1, double Beta2, double Epsilon, double WeightDecay, long Step, double GradientScale);

/// <summary>
/// The one door to arithmetic: about fifty operations on buffers that only the device dereferences. Shapes: N rows (tokens) of a packed batch, C width, R response tokens, V vocabulary.
/// Every output element is summed in one order that depends on neither the batch nor the number of threads. Operations whose result is
/// called a gradient of parameters add to what stands there.
/// </summary>
public interface IDevice : IDisposable
{
    /// <summary>Name, instruction set and threads, for people.</summary>
    string Description { get; }

    /// <summary>What the operands of matrix products are rounded to, in linear layers and the language head.</summary>
    Precision Precision { get; }

    /// <summary>Threads of the host that <see cref="ForEach"/> shares its work out to.</summary>
    int Threads { get; }

    /// <summary>Bytes of memory in use: what <see cref="Allocate"/> gave and was not freed, and the device's own workspaces.</summary>
    long HeldBytes { get; }

    /// <summary>
    /// Work on the host between the device's operations, of which it may call <see cref="CopyOut"/> alone: calls <paramref name="work"/>(part, thread) for every part in [0, <paramref name="parts"/>), several
    /// at once, with thread &lt; <see cref="Threads"/>, and returns when all are done. What a part throws is thrown here.
    /// </summary>
    void ForEach(int parts, Action<int, int> work);

    /// <summary>Allocates zeroed memory.</summary>
    DeviceMemory Allocate(long floats);

    /// <summary>Copies from the host.</summary>
    void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination);

    /// <summary>Copies integers from the host.</summary>
    void CopyIn(ReadOnlySpan<int> source, IntBuffer destination);

    /// <summary>Copies to the host.</summary>
    void CopyOut(FloatBuffer source, Span<float> destination);

    /// <summary>Copies inside the device; the buffers may not overlap.</summary>
    void Copy(FloatBuffer source, FloatBuffer destination);

    /// <summary>Sets every number to <paramref name="value"/>.</summary>
    void Fill(FloatBuffer buffer, float value);

    /// <summary>Floats that a packed [<paramref name="inputs"/>, <paramref name="outputs"/>] operand takes, stored in <paramref name="storage"/>.</summary>
    long PackedLength(int inputs, int outputs, Precision storage = Precision.F32);

    /// <summary>Packs weights for <see cref="LinearForward"/>.</summary>
    void PackWeights(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, PackedMatrix packed);

    /// <summary>Packs weights for <see cref="LinearBackwardInput"/>: PackedLength(outputs, inputs) floats.</summary>
    void PackWeightsTransposed(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, FloatBuffer packed);

    /// <summary>y [N, outputs] = x [N, inputs] W + bias (which may be empty).</summary>
    void LinearForward(FloatBuffer x, PackedMatrix packed, FloatBuffer bias, int rows, int inputs, Outputs outputs, FloatBuffer y);

    /// <summary>dx [N, inputs] = (or +=) dy [N, outputs] W^T.</summary>
    void LinearBackwardInput(FloatBuffer dy, FloatBuffer packedTransposed, int rows, int inputs, Outputs outputs, bool accumulate, FloatBuffer dx);

    /// <summary>dW += x^T dy in the weights' layout; dBias += column sums of dy, if not empty.</summary>
    void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias);

    /// <summary>y = (x - mean) rstd gain + bias for each row (Ba 2016; biased variance, epsilon inside the root); keeps mean and 1 / standard deviation [N].</summary>
    void LayerNormForward(FloatBuffer x, FloatBuffer gain, FloatBuffer bias, int rows, int width, float epsilon, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocalDeviation);

    /// <summary>dx += ..., dGain += ..., dBias += ....</summary>
    void LayerNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer mean, FloatBuffer reciprocalDeviation, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dGain, FloatBuffer dBias);

    /// <summary>
    /// y = x / sqrt(mean(x^2) + epsilon) gain (Zhang and Sennrich 2019) for <paramref name="groups"/> neighbouring groups of <paramref name="width"/> numbers in each
    /// row of <paramref name="rowStride"/>; keeps 1 / root [N, groups]. y may be x.
    /// </summary>
    void RmsNormForward(FloatBuffer x, FloatBuffer gain, int rows, int groups, int width, int rowStride, float epsilon, FloatBuffer y, FloatBuffer reciprocalRoot);

    /// <summary>dx = (or +=) ..., dGain += ....; dx may be dy when it is not accumulated.</summary>
    void RmsNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer reciprocalRoot, FloatBuffer dy, int rows, int groups, int width, int rowStride, bool accumulate, FloatBuffer dx, FloatBuffer dGain);

    /// <summary>y = gelu(x), tanh form (Hendrycks and Gimpel 2016).</summary>
    void GeluForward(FloatBuffer x, FloatBuffer y);

    /// <summary>dx = dy gelu'(x); dx may be dy.</summary>
    void GeluBackward(FloatBuffer x, FloatBuffer dy, FloatBuffer dx);

    /// <summary>y [N, F] = silu(gate) up from rows [gate | up] of 2 F numbers (Shazeer 2020).</summary>
    void SwiGluForward(FloatBuffer gateUp, int rows, int width, FloatBuffer y);

    /// <summary>dGateUp [N, 2 F] from dy [N, F].</summary>
    void SwiGluBackward(FloatBuffer gateUp, FloatBuffer dy, int rows, int width, FloatBuffer dGateUp);

    /// <summary>
    /// Turns components (j, j + D/2) of the first <paramref name="heads"/> heads of each row by the angle of the row's position (Su 2021, half-split form):
    /// a' = a cos - b sin, b' = b cos + a sin; the inverse turns back, which is the backward pass. Tables are [context, D/2].
    /// </summary>
    void Rotate(FloatBuffer x, IntBuffer positions, FloatBuffer cosines, FloatBuffer sines, int rows, int heads, int headWidth, int rowStride, bool inverse);

    /// <summary>Floats of key-value memory for one sequence of at most <paramref name="capacity"/> positions.</summary>
    long KeyValueLength(AttentionShape shape, int capacity);

    /// <summary>Copies the keys and values of the first <paramref name="positions"/> positions from one sequence's memory to another's; both have room for <paramref name="capacity"/>.</summary>
    void CopyKeyValues(FloatBuffer source, FloatBuffer destination, AttentionShape shape, int capacity, int positions);

    /// <summary>
    /// Writes the rows' keys and values to the key-value memory (a bfloat16 device rounds them, in <paramref name="qkv"/> too), then causal attention of each row over its sequence's positions up to its own: softmax(q k / sqrt(D)) v,
    /// tile by tile (online softmax; Milakov and Gimelshein 2018). Output [N, H D]; keeps log sum exp [N, H] if that buffer is not empty. Rows before a span's <see cref="SequenceSpan.FirstQuery"/> have neither.
    /// </summary>
    void AttentionForward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp);

    /// <summary>
    /// dQkv from dOutput for whole sequences and for prompts with branches (nothing in a cache). The gradient of a prompt's keys and values is the sum over its own queries and those of
    /// its branches, in the order of the batch. Rows before a span's <see cref="SequenceSpan.FirstQuery"/> get a query gradient of zero.
    /// </summary>
    void AttentionBackward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput, FloatBuffer dQkv);

    /// <summary>y = tokens' rows of the table, plus the positions' rows of the second table if it is not empty.</summary>
    void EmbeddingForward(IntBuffer tokens, IntBuffer positions, FloatBuffer tokenTable, FloatBuffer positionTable, int rows, int width, FloatBuffer y);

    /// <summary>Adds each row of dy to its token's and position's rows.</summary>
    void EmbeddingBackward(IntBuffer tokens, IntBuffer positions, FloatBuffer dy, int rows, int width, FloatBuffer dTokenTable, FloatBuffer dPositionTable);

    /// <summary>x += scale of the row times uniform(-1, 1): NEFTune (Jain 2023).</summary>
    void AddUniformNoise(FloatBuffer x, FloatBuffer rowScales, int rows, int width, Dropout counter);

    /// <summary>output = x + dropout(y), rows of <paramref name="width"/> numbers; x may be empty (nothing is added), output may be x or y. Dropout's mask is that of the rows with these
    /// <paramref name="rowNumbers"/>; empty for 0, 1, 2, ...</summary>
    void AddDropped(FloatBuffer x, FloatBuffer y, int rows, int width, Dropout dropout, IntBuffer rowNumbers, FloatBuffer output);

    /// <summary>y [count] rows of x, by number.</summary>
    void GatherRows(FloatBuffer x, IntBuffer rowNumbers, int count, int width, FloatBuffer y);

    /// <summary>dx rows += dy rows; where a row number occurs several times, in the order of the numbers.</summary>
    void ScatterAddRows(FloatBuffer dy, IntBuffer rowNumbers, int count, int width, FloatBuffer dx);

    /// <summary>
    /// For each hidden row [R, C] and its target token: log p(target), entropy (nats) and log sum exp of the logits times <paramref name="inverseTemperature"/>, without storing
    /// [R, V] logits, unless there is a buffer for them: <see cref="LanguageHeadBackward"/> then need not compute them again. <paramref name="packed"/> is the head [V, C] packed
    /// for the forward pass.
    /// </summary>
    void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits);

    /// <summary>dHidden [R, C] = ..., dWeights [V, C] += ... (left out if empty) from the gradients with respect to log-probabilities and entropies (the latter may be empty).
    /// The head is wanted packed and as it is [V, C]. Logits that the forward pass kept are overwritten; if empty, they are computed again, with the same bits.</summary>
    void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights);

    /// <summary>log p(target) of each row of logits [R, V]: the same bits as <see cref="LanguageHeadForward"/> gives for the same hidden rows.</summary>
    void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities);

    /// <summary>y [R] = x [R, C] w + bias.</summary>
    void ScalarHeadForward(FloatBuffer x, FloatBuffer weights, FloatBuffer bias, int rows, int width, FloatBuffer y);

    /// <summary>dx [R, C] = dy w, dWeights += ..., dBias += ....</summary>
    void ScalarHeadBackward(FloatBuffer x, FloatBuffer weights, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dWeights, FloatBuffer dBias);

    /// <summary>One AdamW update of a run of parameters.</summary>
    void AdamW(FloatBuffer parameters, FloatBuffer gradients, FloatBuffer firstMoments, FloatBuffer secondMoments, AdamWStep step);

    /// <summary>The sum of squares in float64. Not finite if any number is not.</summary>
    double SquaredNorm(FloatBuffer x);

    /// <summary>x = x + fraction (target - x): a step of an exponential moving average.</summary>
    void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction);
}
