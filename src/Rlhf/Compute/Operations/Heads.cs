using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>
/// For each hidden row and its target token: log p(target), entropy (nats) and log sum exp of the logits times the inverse temperature, without storing [R, V]
/// logits, unless there is a buffer
/// for them: <see cref="LanguageHeadBackward"/> then need not compute them again.
/// </summary>
/// <param name="Hidden">[R, C].</param>
/// <param name="Packed">The head [C, V], packed by <see cref="PackWeights"/>.</param>
/// <param name="Targets">[R].</param>
/// <param name="Rows">R.</param>
/// <param name="Width">C.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="InverseTemperature">Multiplies the logits.</param>
/// <param name="LogProbabilities">[R].</param>
/// <param name="Entropies">[R].</param>
/// <param name="LogSumExp">[R].</param>
/// <param name="Logits">R V numbers in an order of the device's own, kept for the backward pass; or empty.</param>
/// <param name="Bias">[V], added to the logits; or empty.</param>
/// <param name="Cap">c in c tanh(logit / c), before the temperature; 0: none.</param>
public readonly record struct LanguageHeadForward(
    FloatBuffer Hidden, PackedMatrix Packed, IntBuffer Targets, int Rows, int Width, int Vocabulary, float InverseTemperature, FloatBuffer LogProbabilities,
    FloatBuffer Entropies, FloatBuffer LogSumExp,
    FloatBuffer Logits, FloatBuffer Bias = default, float Cap = 0)
{
    internal void Check(IDevice device)
    {
        NeedOrEmpty(Bias, Vocabulary);
        NeedMatrix(Rows, Width, Hidden);
        NeedEach(Rows, LogProbabilities, Entropies, LogSumExp);
        Need(Targets, Rows);
        NeedPacked(device, Packed, Width, Vocabulary);
        NeedOrEmpty(Logits, (long)Rows * Vocabulary);
    }
}

/// <summary>
/// dHidden = ..., dWeights += ... from the gradients with respect to log-probabilities and entropies: d/d logit_j of log p(target) is [j = target] - p_j; of
/// the entropy, -p_j (log p_j + H).
/// </summary>
/// <param name="Hidden">[R, C].</param>
/// <param name="Packed">The head [C, V], packed by <see cref="PackWeights"/>.</param>
/// <param name="Weights">The head as it is: [V, C]; if empty, its numbers are taken from <paramref name="Packed"/>.</param>
/// <param name="Targets">[R].</param>
/// <param name="Rows">R.</param>
/// <param name="Width">C.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="InverseTemperature">Multiplies the logits.</param>
/// <param name="Entropies">[R], of the forward pass; not read without their gradients.</param>
/// <param name="LogSumExp">[R], of the forward pass.</param>
/// <param name="Logits">What the forward pass kept, which is overwritten; if empty, they are computed again, with the same bits.</param>
/// <param name="DLogProbabilities">[R].</param>
/// <param name="DEntropies">[R], or empty.</param>
/// <param name="DHidden">[R, C].</param>
/// <param name="DWeights">[V, C]; left out if empty.</param>
/// <param name="Bias">As in the forward pass.</param>
/// <param name="Cap">As in the forward pass.</param>
/// <param name="DBias">[V]; left out if empty.</param>
public readonly record struct LanguageHeadBackward(
    FloatBuffer Hidden, PackedMatrix Packed, FloatBuffer Weights, IntBuffer Targets, int Rows, int Width, int Vocabulary, float InverseTemperature,
    FloatBuffer Entropies, FloatBuffer LogSumExp, FloatBuffer Logits, FloatBuffer DLogProbabilities, FloatBuffer DEntropies, FloatBuffer DHidden,
    FloatBuffer DWeights, FloatBuffer Bias = default, float Cap = 0, FloatBuffer DBias = default)
{
    internal void Check(IDevice device)
    {
        NeedOrEmpty(Bias, Vocabulary);
        NeedOrEmpty(DBias, Vocabulary);
        NeedMatrix(Rows, Width, Hidden, DHidden);
        NeedEach(Rows, LogSumExp, DLogProbabilities);
        Need(Targets, Rows);
        NeedOrEmpty(DEntropies, Rows);
        Need(Entropies, DEntropies.IsEmpty ? 0 : Rows);
        NeedPacked(device, Packed, Width, Vocabulary);
        NeedOrEmpty(Weights, (long)Vocabulary * Width);
        NeedOrEmpty(Logits, (long)Rows * Vocabulary);
        NeedOrEmpty(DWeights, (long)Vocabulary * Width);
    }
}

/// <summary>log p(target) of each row of logits: the same bits as <see cref="LanguageHeadForward"/> gives for the same hidden rows.</summary>
/// <param name="Logits">[R, V].</param>
/// <param name="Targets">[R].</param>
/// <param name="Rows">R.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="InverseTemperature">Multiplies the logits.</param>
/// <param name="Output">[R].</param>
/// <param name="LogSumExp">[R] what is taken from a row's logits times the inverse temperature to give log-probabilities; or empty.</param>
public readonly record struct LogProbabilities(
    FloatBuffer Logits, IntBuffer Targets, int Rows, int Vocabulary, float InverseTemperature, FloatBuffer Output, FloatBuffer LogSumExp = default)
{
    internal void Check()
    {
        NeedMatrix(Rows, Vocabulary, Logits);
        Need(Targets, Rows);
        Need(Output, Rows);
        NeedOrEmpty(LogSumExp, Rows);
    }
}

/// <summary>dHidden = ..., dWeights += ..., dBias += ... from the gradient with respect to all logits.</summary>
/// <param name="Hidden">[R, C].</param>
/// <param name="Packed">The head [C, V], packed by <see cref="PackWeights"/>.</param>
/// <param name="Weights">The head as it is: [V, C]; if empty, its numbers are taken from <paramref name="Packed"/>.</param>
/// <param name="DLogits">[R, V].</param>
/// <param name="Rows">R.</param>
/// <param name="Width">C.</param>
/// <param name="Vocabulary">V.</param>
/// <param name="DHidden">[R, C].</param>
/// <param name="DWeights">[V, C]; left out if empty.</param>
/// <param name="DBias">[V]; left out if empty.</param>
public readonly record struct LogitsBackward(
    FloatBuffer Hidden, PackedMatrix Packed, FloatBuffer Weights, FloatBuffer DLogits, int Rows, int Width, int Vocabulary, FloatBuffer DHidden,
    FloatBuffer DWeights, FloatBuffer DBias = default)
{
    internal void Check(IDevice device)
    {
        NeedMatrix(Rows, Width, Hidden, DHidden);
        NeedMatrix(Rows, Vocabulary, DLogits);
        NeedPacked(device, Packed, Width, Vocabulary);
        NeedOrEmpty(Weights, (long)Vocabulary * Width);
        NeedOrEmpty(DWeights, (long)Vocabulary * Width);
        NeedOrEmpty(DBias, Vocabulary);
    }
}

/// <summary>y = x w + bias.</summary>
/// <param name="X">[R, C].</param>
/// <param name="Weights">[C].</param>
/// <param name="Bias">[1].</param>
/// <param name="Rows">R.</param>
/// <param name="Width">C.</param>
/// <param name="Y">[R].</param>
public readonly record struct ScalarHeadForward(FloatBuffer X, FloatBuffer Weights, FloatBuffer Bias, int Rows, int Width, FloatBuffer Y)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, X);
        Need(Weights, Width);
        Need(Bias, 1);
        Need(Y, Rows);
    }
}

/// <summary>dx = dy w, dWeights += x^T dy, dBias += sum of dy.</summary>
/// <param name="X">[R, C].</param>
/// <param name="Weights">[C].</param>
/// <param name="Dy">[R].</param>
/// <param name="Rows">R.</param>
/// <param name="Width">C.</param>
/// <param name="Dx">[R, C].</param>
/// <param name="DWeights">[C].</param>
/// <param name="DBias">[1].</param>
public readonly record struct ScalarHeadBackward(
    FloatBuffer X, FloatBuffer Weights, FloatBuffer Dy, int Rows, int Width, FloatBuffer Dx, FloatBuffer DWeights, FloatBuffer DBias)
{
    internal void Check()
    {
        NeedMatrix(Rows, Width, X, Dx);
        NeedEach(Width, Weights, DWeights);
        Need(Dy, Rows);
        Need(DBias, 1);
    }
}
