using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

/// <summary>What holds for all kernels together, on one round of every operation at the size of a small layer.</summary>
public sealed class InvariantTests
{
    private const int Rows = 150, Width = 40, Vocabulary = 1200;
    private static readonly AttentionShape Shape = new(Heads: 4, KeyValueHeads: 2, HeadWidth: 10);

    [Fact]
    public void The_number_of_threads_and_the_instruction_set_do_not_show_in_the_bits()
    {
        var expected = Run(InstructionSet.Scalar, 1);
        foreach (var set in CpuDevice.Available)
        {
            var reference = DeviceBench.IsFused(set) ? expected : Run(set, 1);
            foreach (var threads in (int[])[1, 2, 7])
            {
                Check.SameBits(reference, set == InstructionSet.Scalar && threads == 1 ? expected : Run(set, threads), $"{set}, {threads} threads:");
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void A_steady_round_allocates_nothing(int threads)
    {
        using var bench = new DeviceBench(CpuDevice.Available[0], threads);
        var round = new Round(bench);
        for (var i = 0; i < 3; i++)
        {
            round.Run();
        }

        Assert.Equal(0, SteadyState.AllocatedBytes(3, () => round.Run()));
    }

    [Fact]
    public void Buffers_that_are_too_short_are_refused()
    {
        using var bench = new DeviceBench(CpuDevice.Available[0]);
        var device = bench.Device;
        Assert.Throws<ArgumentException>(() => device.GeluForward(new(bench.Zeros(5), bench.Zeros(4))));
        Assert.Throws<ArgumentException>(() => device.LinearForward(new(bench.Zeros(6), bench.Zeros(31 * 3), default, 2, 3, 1, bench.Zeros(2))));
        Assert.Throws<ArgumentException>(() => device.LanguageHeadBackward(new(
            bench.Zeros(2), bench.Zeros(64), bench.Zeros(5), bench.Put(0), 1, 2, 3, 1, default, bench.Zeros(1), default, bench.Zeros(1), default,
            bench.Zeros(2), default)));
    }

    private static float[] Run(InstructionSet set, int threads)
    {
        using var bench = new DeviceBench(set, threads);
        return new Round(bench).Run().Results();
    }

    /// <summary>Every operation once, each on buffers of its own.</summary>
    private sealed class Round
    {
        private readonly DeviceBench _bench;
        private readonly IDevice _device;
        private readonly SequenceSpan[] _spans;
        private readonly List<FloatBuffer> _results = [];
        private readonly FloatBuffer _x, _dy, _weights, _gain, _bias, _packed, _transposed, _qkv, _dOutput, _keyValues,
            _cosines, _sines, _table, _head, _headPacked, _one, _scales;
        private readonly FloatBuffer _y, _dx, _dWeights, _dBias, _dGain, _mean, _reciprocal, _rms, _roots, _gelu, _dGelu,
            _swiGlu, _dSwiGlu, _rotated, _output, _logSumExp, _dQkv;
        private readonly FloatBuffer _embedded, _dTable, _dropped, _logs, _entropies, _headSums, _dHidden, _dHead, _scores, _dScalar, _p, _m, _v, _noisy;
        private readonly IntBuffer _tokens, _positions;
        private double _norm;

        public Round(DeviceBench bench)
        {
            (_bench, _device) = (bench, bench.Device);
            var (n, attention, rowWidth) = (Rows * Width, Rows * Shape.OutputWidth, Rows * Shape.RowWidth);
            (_x, _dy, _weights) = (Put(1, n), Put(2, n), Put(3, Width * Width));
            (_gain, _bias, _table, _head) = (Put(4, Width), Put(5, Width), Put(6, Vocabulary * Width), Put(7, Vocabulary * Width));
            (_qkv, _dOutput, _cosines, _sines, _one, _scales) =
                (Put(8, rowWidth), Put(9, attention), Put(10, Rows * 5), Put(11, Rows * 5), Put(12, 1), Put(13, Rows));
            (_packed, _transposed) = (Result(_device.PackedLength(Width, Width)), Result(_device.PackedLength(Width, Width)));
            _headPacked = Result(_device.PackedLength(Width, Vocabulary));
            (_y, _dx, _dWeights, _dBias, _dGain, _mean, _reciprocal) =
                (Result(n), Result(n), Result(Width * Width), Result(Width), Result(Width), Result(Rows), Result(Rows));
            (_rms, _roots, _gelu, _dGelu) = (Result(n), Result(Rows * 2), Result(n), Result(n));
            (_swiGlu, _dSwiGlu, _rotated) = (Result(n / 2), Result(n), Result(rowWidth));
            (_output, _logSumExp, _dQkv) = (Result(attention), Result(Rows * Shape.Heads), Result(rowWidth));
            (_embedded, _dTable, _dropped, _noisy) = (Result(n), Result(Vocabulary * Width), Result(n), Result(n));
            (_logs, _entropies, _headSums, _dHidden, _dHead) = (Result(Rows), Result(Rows), Result(Rows), Result(n), Result(Vocabulary * Width));
            (_scores, _dScalar, _p, _m, _v) = (Result(Rows), Result(n), Result(Vocabulary * Width), Result(Vocabulary * Width), Result(Vocabulary * Width));
            _tokens = bench.Put([.. Enumerable.Range(0, Rows).Select(i => i * 31 % Vocabulary)]);
            _positions = bench.Put([.. Enumerable.Range(0, Rows)]);
            var row = 0;
            var store = 0L;
            // Two whole sequences, and a prompt with two branches.
            _spans = [.. (((int, int, int)[])[(70, 0, -1), (1, 0, -1), (33, 0, -1), (30, 33, 2), (16, 33, 2)]).Select(s =>
            {
                var (length, past, prefix) = s;
                var span = new SequenceSpan(row, length, past, store, past + length + 3, prefix);
                (row, store) = (row + length, store + _device.KeyValueLength(Shape, past + length + 3));
                return span;
            })];
            _keyValues = bench.Room(store);
        }

        public Round Run()
        {
            var d = _device;
            d.PackWeights(new(_weights, WeightLayout.InputMajor, Width, Width, _packed));
            d.PackWeightsTransposed(new(_weights, WeightLayout.InputMajor, Width, Width, _transposed));
            d.LinearForward(new(_x, _packed, _bias, Rows, Width, Width, _y));
            d.LinearBackwardInput(new(_dy, _transposed, Rows, Width, Width, Accumulate: false, _dx));
            d.LinearBackwardWeights(new(_x, _dy, Rows, Width, Width, WeightLayout.OutputMajor, _dWeights, _dBias));
            d.LayerNormForward(new(_x, _gain, _bias, Rows, Width, 1e-5f, _y, _mean, _reciprocal));
            d.LayerNormBackward(new(_x, _gain, _mean, _reciprocal, _dy, Rows, Width, _dx, _dGain, _dBias));
            d.RmsNormForward(new(_x, _gain, Rows, 2, Width / 2, Width, 1e-6f, _rms, _roots));
            d.RmsNormBackward(new(_x, _gain, _roots, _dy, Rows, 2, Width / 2, Width, Accumulate: true, _dx, _dGain));
            d.GeluForward(new(_x, _gelu));
            d.GeluBackward(new(_x, _dy, _dGelu));
            d.SwiGluForward(new(_x, Rows, Width / 2, _swiGlu));
            d.SwiGluBackward(new(_x, _swiGlu, Rows, Width / 2, _dSwiGlu));
            d.Copy(_qkv, _rotated);
            d.Rotate(new(_rotated, _positions, _cosines, _sines, Rows, 6, 10, Shape.RowWidth, Inverse: false));
            d.AttentionForward(new(_rotated, _spans, Shape, _keyValues, _output, _logSumExp));
            d.AttentionBackward(new(_rotated, _spans, Shape, _output, _logSumExp, _dOutput, _dQkv));
            d.EmbeddingForward(new(_tokens, _positions, _table, _head, Rows, Width, _embedded));
            d.EmbeddingBackward(new(_tokens, _positions, _dy, Rows, Width, _dTable, _dHead));
            d.AddDropped(new(_x, _y, Rows, Width, new Dropout(0.1f, 1, 2, 3), default, _dropped));
            d.Copy(_x, _noisy);
            d.AddUniformNoise(new(_noisy, _scales, Rows, Width, new Dropout(0, 1, 2, 3)));
            d.PackWeights(new(_head, WeightLayout.OutputMajor, Width, Vocabulary, _headPacked));
            d.LanguageHeadForward(new(_x, _headPacked, _tokens, Rows, Width, Vocabulary, 1.5f, _logs, _entropies, _headSums, default));
            d.LanguageHeadBackward(
                new(_x, _headPacked, _head, _tokens, Rows, Width, Vocabulary, 1.5f, _entropies, _headSums, default, _mean, _reciprocal, _dHidden, _dHead));
            d.ScalarHeadForward(new(_x, _gain, _one, Rows, Width, _scores));
            d.ScalarHeadBackward(new(_x, _gain, _scores, Rows, Width, _dScalar, _dGain, _dBias.Slice(0, 1)));
            d.AdamW(new(_p, _dHead, _m, _v, new AdamWStep(0.001, 0.9, 0.95, 1e-8, 0.1, 1, 0.5)));
            d.MoveTowards(_p, _head, 0.1f);
            _norm = d.SquaredNorm(_p);
            return this;
        }

        public float[] Results() => [.. _results.SelectMany(_bench.Get), (float)_norm, (float)(_norm - (float)_norm)];

        private FloatBuffer Put(int seed, int length) => _bench.Put(Check.Floats(seed, length));

        private FloatBuffer Result(long length)
        {
            var buffer = _bench.Zeros(length);
            _results.Add(buffer);
            return buffer;
        }
    }
}
