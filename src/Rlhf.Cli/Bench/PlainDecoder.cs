using Rlhf.Compute.Operations;
using Rlhf.Compute.Reference;
using Rlhf.Model;

namespace Rlhf.Cli.Bench;

/// <summary>
/// A GPT-2 decoder in float64: one whole sequence at a time, plain loops, no packing, no cache, nothing computed by parts. Its parameters lie as the
/// <see cref="Decoder"/>'s do, so that the two can be compared
/// number by number.
/// </summary>
internal sealed class PlainDecoder
{
    private readonly Decoder _model;
    private readonly DecoderConfig _config;
    private readonly ParameterLayout _layout;
    private readonly Precision _operands;

    /// <summary>Takes a decoder's present parameters.</summary>
    /// <param name="model">The decoder.</param>
    /// <param name="operands">What the operands of linear layers and language head, keys and values are rounded to.</param>
    public PlainDecoder(Decoder model, Precision operands)
    {
        (_model, _config, _layout, _operands) = (model, model.Config, model.Layout, operands);
        var parameters = new float[model.Parameters.Length];
        model.Device.CopyOut(model.Parameters, parameters);
        Parameters = [.. parameters.Select(static value => (double)value)];
        Gradients = new double[parameters.Length];
    }

    /// <summary>All parameters, those of the scalar head last.</summary>
    public double[] Parameters { get; }

    /// <summary>Where backward passes add.</summary>
    public double[] Gradients { get; }

    private int C => _config.Width;

    private int F => _config.FeedForwardWidth;

    private int V => _config.VocabularySize;

    /// <summary>What a forward pass leaves for the backward pass of a block.</summary>
    private sealed record Block(
        double[] Input, double[] Normed, double[] Qkv, double[] Attended, double[] Middle, double[] MiddleNormed, double[] Up, double[] Activated);

    /// <summary>A sequence that went through the blocks.</summary>
    public sealed class Pass
    {
        private readonly PlainDecoder _decoder;
        private readonly int[] _tokens;
        private readonly List<Block> _blocks = [];
        private readonly double[] _last;
        private readonly double[] _hidden;
        private readonly double[] _dHidden;

        internal Pass(PlainDecoder decoder, int[] tokens)
        {
            (_decoder, _tokens) = (decoder, tokens);
            _last = decoder.Embed(tokens);
            for (var layer = 0; layer < decoder._config.Layers; layer++)
            {
                _last = decoder.BlockForward(layer, _last, _blocks);
            }

            _hidden = decoder.Norm(_last, decoder._layout.FinalNormGain!.Value, decoder._layout.FinalNormBias!.Value);
            _dHidden = new double[_hidden.Length];
        }

        /// <summary>log p of the tokens from <paramref name="firstTarget"/> on.</summary>
        public double[] LogProbabilities(int firstTarget) =>
            [.. Enumerable.Range(firstTarget, _tokens.Length - firstTarget).Select(t => Math.Log(Probabilities(t - 1)[_tokens[t]]))];

        /// <summary>The scalar head at each row [T].</summary>
        public double[] Scalars()
        {
            var (weights, bias) = (_decoder.Part(_decoder._model.ScalarWeight, _decoder.C).ToArray(), _decoder.Parameters[_decoder._model.ScalarBias]);
            return [.. Enumerable.Range(0, _tokens.Length).Select(row => PlainOperations.Dot(Row(_hidden, row), weights) + bias)];
        }

        /// <summary>Adds the gradient of log-probabilities: d logits = dlog (1 at the token - p).</summary>
        public void LanguageBackward(int firstTarget, ReadOnlySpan<double> dLogProbabilities)
        {
            for (var i = 0; i < dLogProbabilities.Length; i++)
            {
                var row = firstTarget + i - 1;
                var probabilities = Probabilities(row);
                for (var v = 0; v < probabilities.Length; v++)
                {
                    var dLogit = Rounded(dLogProbabilities[i] * ((v == _tokens[row + 1] ? 1 : 0) - probabilities[v]), _decoder._operands);
                    AddDot(row, _decoder._layout.Head + ((long)v * _decoder.C), dLogit, _decoder._operands);
                }
            }
        }

        /// <summary>Adds the gradient of the scalar head's number at one row.</summary>
        public void ScalarBackward(int row, double dScalar)
        {
            AddDot(row, _decoder._model.ScalarWeight, dScalar, Precision.F32);
            _decoder.Gradients[_decoder._model.ScalarBias] += dScalar;
        }

        /// <summary>Adds the gradients of the blocks and embeddings, after those of the heads.</summary>
        public void Backward()
        {
            var dx = _decoder.NormBackward(_last, _decoder._layout.FinalNormGain!.Value, _decoder._layout.FinalNormBias!.Value, _dHidden);
            for (var layer = _blocks.Count - 1; layer >= 0; layer--)
            {
                dx = _decoder.BlockBackward(layer, _blocks[layer], dx);
            }

            _decoder.EmbedBackward(_tokens, dx);
        }

        private double[] Probabilities(int row)
        {
            var hidden = _decoder.Operands(Row(_hidden, row)).ToArray();
            return PlainOperations.Softmax(
                [.. Enumerable.Range(0, _decoder.V)
                    .Select(v => PlainOperations.Dot(hidden, _decoder.Operands(_decoder.Part(_decoder._layout.Head + ((long)v * _decoder.C), _decoder.C))))]);
        }

        private Span<double> Row(double[] matrix, int row) => matrix.AsSpan(row * _decoder.C, _decoder.C);

        /// <summary>Backward of y = hidden row times a vector of parameters.</summary>
        private void AddDot(int row, long vector, double dy, Precision operands)
        {
            for (var c = 0; c < _decoder.C; c++)
            {
                _dHidden[(row * _decoder.C) + c] += dy * Rounded(_decoder.Parameters[vector + c], operands);
                _decoder.Gradients[vector + c] += dy * Rounded(_hidden[(row * _decoder.C) + c], operands);
            }
        }
    }

    /// <summary>Runs the blocks over one sequence.</summary>
    public Pass Forward(int[] tokens) => new(this, tokens);

    private double[] Embed(int[] tokens)
    {
        var x = new double[tokens.Length * C];
        for (var t = 0; t < tokens.Length; t++)
        {
            for (var c = 0; c < C; c++)
            {
                x[(t * C) + c] =
                    Parameters[_layout.TokenEmbedding + ((long)tokens[t] * C) + c] + Parameters[_layout.PositionEmbedding!.Value + ((long)t * C) + c];
            }
        }

        return x;
    }

    private void EmbedBackward(int[] tokens, double[] dx)
    {
        for (var t = 0; t < tokens.Length; t++)
        {
            for (var c = 0; c < C; c++)
            {
                Gradients[_layout.TokenEmbedding + ((long)tokens[t] * C) + c] += dx[(t * C) + c];
                Gradients[_layout.PositionEmbedding!.Value + ((long)t * C) + c] += dx[(t * C) + c];
            }
        }
    }

    private double[] BlockForward(int layer, double[] x, List<Block> blocks)
    {
        var p = _layout.LayerParameters(layer);
        var normed = Norm(x, p.AttentionNormGain!.Value, p.AttentionNormBias!.Value);
        var qkv = Linear(normed, p.QkvWeight, p.QkvBias!.Value, C, _model.Shape.RowWidth);
        RoundKeysAndValues(qkv);
        var attended = PlainAttention.Forward(qkv, _model.Shape);
        var middle = Sum(x, Linear(attended, p.OutputWeight, p.OutputBias!.Value, C, C));
        var middleNormed = Norm(middle, p.FeedForwardNormGain!.Value, p.FeedForwardNormBias!.Value);
        var up = Linear(middleNormed, p.UpWeight, p.UpBias!.Value, C, F);
        double[] activated = [.. up.Select(PlainOperations.Gelu)];
        blocks.Add(new Block(x, normed, qkv, attended, middle, middleNormed, up, activated));
        return Sum(middle, Linear(activated, p.DownWeight, p.DownBias!.Value, F, C));
    }

    private double[] BlockBackward(int layer, Block b, double[] dy)
    {
        var p = _layout.LayerParameters(layer);
        var dActivated = LinearBackward(b.Activated, dy, p.DownWeight, p.DownBias!.Value, F, C);
        double[] dUp = [.. dActivated.Zip(b.Up, static (d, up) => d * PlainOperations.GeluSlope(up))];
        var dMiddleNormed = LinearBackward(b.MiddleNormed, dUp, p.UpWeight, p.UpBias!.Value, C, F);
        var dMiddle = Sum(dy, NormBackward(b.Middle, p.FeedForwardNormGain!.Value, p.FeedForwardNormBias!.Value, dMiddleNormed));
        var dAttended = LinearBackward(b.Attended, dMiddle, p.OutputWeight, p.OutputBias!.Value, C, C);
        var dQkv = PlainAttention.Backward(b.Qkv, dAttended, _model.Shape);
        var dNormed = LinearBackward(b.Normed, dQkv, p.QkvWeight, p.QkvBias!.Value, C, _model.Shape.RowWidth);
        return Sum(dMiddle, NormBackward(b.Input, p.AttentionNormGain!.Value, p.AttentionNormBias!.Value, dNormed));
    }

    private double[] Norm(double[] x, long gain, long bias) => PlainOperations.LayerNorm(x, Part(gain, C), Part(bias, C), _config.NormEpsilon);

    private double[] NormBackward(double[] x, long gain, long bias, double[] dy) =>
        PlainOperations.LayerNormBackward(x, Part(gain, C), dy, _config.NormEpsilon, Gradient(gain, C), Gradient(bias, C));

    private double[] Linear(double[] x, long weights, long bias, int inputs, int outputs) =>
        PlainOperations.Linear(Operands(x).ToArray(), Operands(Part(weights, inputs * outputs)), Part(bias, outputs), inputs);

    private double[] LinearBackward(double[] x, double[] dy, long weights, long bias, int inputs, int outputs)
    {
        PlainOperations.AddColumnSums(dy, Gradient(bias, outputs));
        return PlainOperations.LinearBackward(
            Operands(x).ToArray(), Operands(Part(weights, inputs * outputs)), Operands(dy).ToArray(), inputs, Gradient(weights, inputs * outputs));
    }

    /// <summary>The numbers as a product reads them.</summary>
    private ReadOnlySpan<double> Operands(ReadOnlySpan<double> numbers)
    {
        if (_operands == Precision.F32)
        {
            return numbers;
        }

        var rounded = new double[numbers.Length];
        for (var i = 0; i < rounded.Length; i++)
        {
            rounded[i] = Rounded(numbers[i], _operands);
        }

        return rounded;
    }

    private void RoundKeysAndValues(double[] qkv)
    {
        var (width, queries) = (_model.Shape.RowWidth, _model.Shape.Heads * _model.Shape.HeadWidth);
        for (var i = 0; i < qkv.Length; i++)
        {
            qkv[i] = i % width < queries ? qkv[i] : Rounded(qkv[i], _operands);
        }
    }

    private static double Rounded(double number, Precision operands) => operands == Precision.Bf16 ? PlainOperations.ToBFloat16(number) : number;

    private Span<double> Part(long offset, int length) => Parameters.AsSpan((int)offset, length);

    private Span<double> Gradient(long offset, int length) => Gradients.AsSpan((int)offset, length);

    private static double[] Sum(double[] x, double[] y) => [.. x.Zip(y, static (a, b) => a + b)];
}
