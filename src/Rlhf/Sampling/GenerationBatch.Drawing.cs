using Rlhf.Compute.Operations;

namespace Rlhf.Sampling;

/// <content>Draws the next tokens from the logits of a pass.</content>
public sealed partial class GenerationBatch
{
    private readonly Sampler?[] _samplers; // of each thread, made when it is needed, with
    private readonly float[]?[] _logits; // a row of logits
    private readonly Action<int, int> _sample;
    private readonly List<GenerationSequence> _drawing = []; // those of a row of logits, in the order of the rows
    private FloatBuffer _rows; // of logits
    private int[] _chosen = [];
    private float[] _logProbabilities = [];

    private void Draw(FloatBuffer logits)
    {
        _rows = logits;
        Grow(_drawing.Count);
        _decoder.Device.ForEach(_drawing.Count, _sample);
        LogProbabilities();
        for (var row = 0; row < _drawing.Count; row++)
        {
            if (_drawing[row].Failure is not null)
            {
                _drawing[row].HasDrawn = false;
                continue;
            }

            _drawing[row].Append(_chosen[row], _logProbabilities[row]);
            if (_drawing[row].Request.TopLogProbabilities > 0)
            {
                _drawing[row].AppendTop(Top(row, _drawing[row].Request));
            }
        }
    }

    /// <summary>Draws the token of one row.</summary>
    private void Sample(int row, int thread)
    {
        var (drawing, request) = (_drawing[row], _drawing[row].Request);
        var uniform = Philox.Uniform(request.Seed, request.Stream, request.Row, (uint)drawing.Response.Length);
        var sampler = _samplers[thread] ??= new Sampler(_decoder.Config.VocabularySize);
        try
        {
            _chosen[row] = sampler.Sample(Logits(row, thread), drawing.Tokens, uniform, request.Sampling);
        }
        catch (RunFailedException failure)
        {
            // Its own: another model in the same pass may be sound.
            (_chosen[row], drawing.Failure) = (0, failure);
        }
    }

    /// <summary>A row of logits in the thread's own memory.</summary>
    private Span<float> Logits(int row, int thread)
    {
        var logits = _logits[thread] ??= new float[_decoder.Config.VocabularySize];
        _decoder.Device.CopyOut(_rows.Slice((long)row * logits.Length, logits.Length), logits);
        return logits;
    }

    /// <summary>The most probable tokens of a row, best first, of equal ones the lowest id: log p(i) = log p(chosen) + (logit i - logit chosen) /
    /// temperature.</summary>
    private TokenProbability[] Top(int row, GenerationRequest request)
    {
        var values = Logits(row, thread: 0);
        var (best, chosen) = (new PriorityQueue<int, (float Logit, int Order)>(), values[_chosen[row]]);
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
        for (var i = top.Length - 1; i >= 0; i--)
        {
            var id = best.Dequeue();
            top[i] = new TokenProbability(id, _logProbabilities[row] + (float)((values[id] - chosen) / request.LogProbabilityTemperature));
        }

        return top;
    }

    /// <summary>log p of the chosen tokens, for each run of neighbours with the same temperature at once.</summary>
    private void LogProbabilities()
    {
        var vocabulary = _decoder.Config.VocabularySize;
        for (int start = 0, end; start < _drawing.Count; start = end)
        {
            var temperature = _drawing[start].Request.LogProbabilityTemperature;
            for (end = start + 1; end < _drawing.Count && _drawing[end].Request.LogProbabilityTemperature == temperature; end++)
            {
            }

            var count = end - start;
            var values = _arena.Take(count);
            var rows = _rows.Slice((long)start * vocabulary, (long)count * vocabulary);
            _decoder.Device.LogProbabilities(new(rows, _arena.Take(_chosen.AsSpan(start, count)), count, vocabulary, (float)(1 / temperature), values));
            _decoder.Device.CopyOut(values, _logProbabilities.AsSpan(start, count));
        }
    }

    private void Grow(int count)
    {
        if (_chosen.Length < count)
        {
            _chosen = new int[count];
            _logProbabilities = new float[count];
        }
    }
}
