using Rlhf.Compute.Operations;

namespace Rlhf.Sampling;

/// <content>Draws the next tokens from the logits of a pass, and scores those of prompts.</content>
public sealed partial class GenerationBatch
{
    private readonly Sampler?[] _samplers; // of each thread, made when it is needed, with
    private readonly float[]?[] _logits; // a row of logits
    private readonly Action<int, int> _sample;
    private readonly Action<int, int> _rank;
    private readonly List<WantedRow> _wanted = []; // the rows of logits, in their order
    private FloatBuffer _rows; // of logits
    private int[] _chosen = [];
    private float[] _logProbabilities = [];
    private float[] _logSumExp = [];
    private TokenProbability[][] _tops = [];

    /// <summary>A row of logits.</summary>
    /// <param name="Sequence">Whose it is.</param>
    /// <param name="Place">Which of its tokens the row predicts; the next one is drawn where there is none yet.</param>
    private readonly record struct WantedRow(GenerationSequence Sequence, int Place)
    {
        public bool IsDrawn => Place == Sequence.Tokens.Length;
    }

    private void Draw(FloatBuffer logits)
    {
        _rows = logits;
        Grow(_wanted.Count);
        _decoder.Device.ForEach(_wanted.Count, _sample);
        LogProbabilities();
        if (_wanted.Exists(static row => row.Sequence.Request.TopLogProbabilities > 0))
        {
            _decoder.Device.ForEach(_wanted.Count, _rank);
        }

        for (var row = 0; row < _wanted.Count; row++)
        {
            Take(_wanted[row], row);
        }
    }

    /// <summary>Gives a row's token to its sequence.</summary>
    private void Take(WantedRow wanted, int row)
    {
        var sequence = wanted.Sequence;
        if (sequence.Failure is not null)
        {
            sequence.HasDrawn = false;
            return;
        }

        var top = sequence.Request.TopLogProbabilities > 0 ? _tops[row] : [];
        if (wanted.Place < sequence.Request.Prompt.Length)
        {
            if (float.IsNaN(_logProbabilities[row]))
            {
                sequence.Failure = new RunFailedException("The model's logits are not finite: its weights are broken.");
            }

            sequence.AppendScore(new TokenScore(_logProbabilities[row], top));
            return;
        }

        sequence.Append(_chosen[row], _logProbabilities[row]);
        if (sequence.Request.TopLogProbabilities > 0)
        {
            sequence.AppendTop(top);
        }
    }

    /// <summary>Draws the token of one row; that of a prompt is known.</summary>
    private void Sample(int row, int thread)
    {
        var (wanted, sequence) = (_wanted[row], _wanted[row].Sequence);
        if (!wanted.IsDrawn)
        {
            _chosen[row] = sequence.Tokens[wanted.Place];
            return;
        }

        var request = sequence.Request;
        var uniform = Philox.Uniform(request.Seed, request.Stream, request.Row, (uint)sequence.Response.Length);
        var sampler = _samplers[thread] ??= new Sampler(_decoder.Config.VocabularySize);
        try
        {
            var limits = new DrawLimits(request.Changes, request.Prompt.Length, sequence.Grammar is { } grammar ? grammar.Allowed() : []);
            _chosen[row] = sampler.Sample(Logits(row, thread), sequence.Tokens, uniform, request.Sampling, limits);
            sequence.Grammar?.Accept(_chosen[row]);
        }
        catch (RunFailedException failure)
        {
            // Its own: another model in the same pass may be sound.
            (_chosen[row], sequence.Failure) = (0, failure);
        }
    }

    /// <summary>A row of logits in the thread's own memory.</summary>
    private Span<float> Logits(int row, int thread)
    {
        var logits = _logits[thread] ??= new float[_decoder.Config.VocabularySize];
        _decoder.Device.CopyOut(_rows.Slice((long)row * logits.Length, logits.Length), logits);
        return logits;
    }

    /// <summary>The most probable tokens of a row, best first, of equal ones the lowest id, with the bits that each would have as the chosen one.</summary>
    private void Rank(int row, int thread)
    {
        var request = _wanted[row].Sequence.Request;
        if (request.TopLogProbabilities == 0)
        {
            return;
        }

        var values = Logits(row, thread);
        var best = new PriorityQueue<int, (float Logit, int Order)>();
        for (var id = 0; id < values.Length; id++)
        {
            if (best.Count < request.TopLogProbabilities)
            {
                best.Enqueue(id, (values[id], -id));
            }
            else if (values[id] > values[best.Peek()])
            {
                best.DequeueEnqueue(id, (values[id], -id));
            }
        }

        var top = new TokenProbability[best.Count];
        var inverse = (float)(1 / request.LogProbabilityTemperature);
        for (var i = top.Length - 1; i >= 0; i--)
        {
            var id = best.Dequeue();
            top[i] = new TokenProbability(id, (values[id] * inverse) - _logSumExp[row]);
        }

        _tops[row] = top;
    }

    /// <summary>log p of the chosen tokens, for each run of neighbours with the same temperature at once.</summary>
    private void LogProbabilities()
    {
        var vocabulary = _decoder.Config.VocabularySize;
        for (int start = 0, end; start < _wanted.Count; start = end)
        {
            var temperature = TemperatureOf(start);
            for (end = start + 1; end < _wanted.Count && TemperatureOf(end) == temperature; end++)
            {
            }

            var count = end - start;
            var (values, sums) = (_arena.Take(count), _arena.Take(count));
            var rows = _rows.Slice((long)start * vocabulary, (long)count * vocabulary);
            _decoder.Device.LogProbabilities(
                new(rows, _arena.Take(_chosen.AsSpan(start, count)), count, vocabulary, (float)(1 / temperature), values, sums));
            _decoder.Device.CopyOut(values, _logProbabilities.AsSpan(start, count));
            _decoder.Device.CopyOut(sums, _logSumExp.AsSpan(start, count));
        }
    }

    private double TemperatureOf(int row) => _wanted[row].Sequence.Request.LogProbabilityTemperature;

    private void Grow(int count)
    {
        if (_chosen.Length < count)
        {
            (_chosen, _logProbabilities, _logSumExp) = (new int[count], new float[count], new float[count]);
            _tops = new TokenProbability[count][];
        }
    }
}
