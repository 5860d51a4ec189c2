using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Sampling;

/// <summary>
/// The sequences that are generated together. Between two passes any of them may join or leave; each pass carries the next token of every live sequence and the
/// prompts (or
/// parts of prompts) of those that just joined. Of sequences with the same prompt the first feeds it; the others copy its keys and values and feed the last
/// token, which gives the same
/// bits. An answer does not depend on its neighbours. One thread at a time.
/// </summary>
public sealed class GenerationBatch : IDisposable
{
    private readonly Decoder _decoder;
    private readonly Arena _arena;
    private readonly bool _ownsArena;
    private readonly DecoderPass _pass;
    private readonly LanguageHead _head;
    private readonly PackedBatch _batch = new();
    private readonly Sampler?[] _samplers; // of each thread, made when it is needed, with
    private readonly float[]?[] _logits; // a row of logits
    private readonly Action<int, int> _sample;
    private readonly List<GenerationSequence> _live = [];
    private readonly List<GenerationSequence> _drawing = []; // those of a row of logits
    private KeyValueCache? _cache;
    private FloatBuffer _rows; // of logits
    private int[] _chosen = [];
    private float[] _logProbabilities = [];

    /// <summary>A batch without room: <see cref="Reserve"/> makes it.</summary>
    public GenerationBatch(Decoder decoder, Arena? sharedArena = null)
    {
        _decoder = decoder;
        _ownsArena = sharedArena is null;
        _arena = sharedArena ?? new Arena(decoder.Device);
        _pass = new DecoderPass(decoder, _arena);
        _head = new LanguageHead(decoder, _arena);
        _samplers = new Sampler?[decoder.Device.Threads];
        _logits = new float[]?[decoder.Device.Threads];
        _sample = Sample;
    }

    /// <summary>The sequences in the order in which they joined.</summary>
    public IReadOnlyList<GenerationSequence> Live => _live;

    /// <summary>Rows that went through the model so far: prompt tokens that were not copied, and drawn tokens.</summary>
    public long Rows { get; private set; }

    /// <summary>Whether another sequence has room.</summary>
    public bool HasFree => _cache is { HasFree: true };

    /// <summary>Makes room for this many sequences of at most this many tokens; what is there is kept if it is enough. The batch must be empty.</summary>
    public void Reserve(int slots, int capacity)
    {
        if (_live.Count > 0)
        {
            throw new InvalidOperationException("Room cannot be made while sequences are live.");
        }

        if (_cache is null || _cache.Capacity < capacity || _cache.Slots < slots)
        {
            var (oldSlots, oldCapacity) = (_cache?.Slots ?? 0, _cache?.Capacity ?? 0);
            _cache?.Dispose();
            _cache = null;
            _cache = new KeyValueCache(_decoder, Math.Max(slots, oldSlots), Math.Max(capacity, oldCapacity), _ownsArena ? null : _arena);
        }
    }

    /// <summary>Lets a sequence join: prompt and answer must fit what was reserved, and <see cref="HasFree"/> must hold.</summary>
    public GenerationSequence Add(GenerationRequest request)
    {
        if (request.Prompt.Length == 0 || request.MaxNewTokens < 1 || request.Prompt.Length + request.MaxNewTokens > _cache!.Capacity)
        {
            throw new ArgumentException(
                $"A prompt of {request.Prompt.Length} tokens with {request.MaxNewTokens} new ones does not fit {_cache?.Capacity ?? 0}.", nameof(request));
        }

        var sequence = new GenerationSequence(request, _cache.TakeSlot()) { RotaryRegime = _decoder.Config.RotaryRegime(request.Prompt.Length) };
        _live.Add(sequence);
        return sequence;
    }

    /// <summary>Takes a sequence out, done or not; its room is free again.</summary>
    public void Remove(GenerationSequence sequence)
    {
        if (_live.Remove(sequence))
        {
            _cache!.GiveBack(sequence.Slot);
        }
    }

    /// <summary>Takes all sequences out. Memory that is shared is free for others again, and must be reserved anew.</summary>
    public void Clear()
    {
        foreach (var sequence in _live)
        {
            _cache!.GiveBack(sequence.Slot);
        }

        _live.Clear();
        if (!_ownsArena)
        {
            _cache?.Dispose();
            _cache = null;
        }
    }

    /// <summary>
    /// One pass: feeds each live sequence what it has not fed yet, within the row budget, and draws a token for those that are up to date
    /// (<see cref="GenerationSequence.HasDrawn"/>).
    /// Sequences that are done must have been removed.
    /// </summary>
    /// <exception cref="RunFailedException">The model's logits are not finite.</exception>
    public void Step(int rowBudget)
    {
        _arena.Reset();
        _batch.Clear();
        ForgetOtherAngles();
        CopyPrompts();
        foreach (var live in _live)
        {
            var rows = WaitsForPrompt(live) ? 0 : Math.Min(live.Tokens.Length - live.Fed, rowBudget - _batch.Rows);
            live.HasDrawn = rows > 0 && live.Fed + rows == live.Tokens.Length;
            if (rows > 0)
            {
                _batch.AddContinuation(
                    live.Tokens.Slice(live.Fed, rows), live.Fed, _cache!.StoreOf(live.Slot), _cache.Capacity, live.HasDrawn, live.Tokens.Length);
                live.Fed += rows;
            }
        }

        if (_batch.Rows == 0)
        {
            return;
        }

        Rows += _batch.Rows;
        var hidden = _pass.Forward(_batch, _cache!.Memory, _cache.LayerStride);
        if (_batch.TargetCount > 0)
        {
            Draw(_head.Logits(hidden, _batch));
        }

        CopyPrompts(); // now: a sequence that is done leaves before the next pass
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _cache?.Dispose();
        if (_ownsArena)
        {
            _arena.Dispose();
        }
    }

    /// <summary>
    /// A row that has grown to where all its positions turn by other angles is fed anew, whole: not only its keys change, but what each block hands on, and so
    /// the keys of the blocks above.
    /// </summary>
    private void ForgetOtherAngles()
    {
        foreach (var live in _live)
        {
            if (_decoder.Config.RotaryRegime(live.Tokens.Length) is var regime && regime != live.RotaryRegime)
            {
                (live.RotaryRegime, live.Fed) = (regime, 0);
            }
        }
    }

    /// <summary>Gives sequences that have fed nothing the keys and values of their prompt, all but the last token's, where a sequence with the same prompt has
    /// them.</summary>
    private void CopyPrompts()
    {
        foreach (var live in _live)
        {
            var positions = live.Request.Prompt.Length - 1;
            if (WaitsForPrompt(live) && FirstWithPromptOf(live) is var first && first.Fed >= positions)
            {
                _cache!.Copy(first.Slot, live.Slot, positions);
                live.Fed = positions;
            }
        }
    }

    private bool WaitsForPrompt(GenerationSequence live) => live.Fed == 0 && live.Request.Prompt.Length > 1 && FirstWithPromptOf(live) != live;

    private GenerationSequence FirstWithPromptOf(GenerationSequence live)
    {
        foreach (var other in _live)
        {
            if (other.RotaryRegime == live.RotaryRegime && other.Request.Prompt.AsSpan().SequenceEqual(live.Request.Prompt))
            {
                return other;
            }
        }

        return live;
    }

    private void Draw(FloatBuffer logits)
    {
        _rows = logits;
        _drawing.Clear();
        _drawing.AddRange(_live.Where(live => live.HasDrawn));
        Grow(_drawing.Count);
        _decoder.Device.ForEach(_drawing.Count, _sample);
        LogProbabilities();
        for (var row = 0; row < _drawing.Count; row++)
        {
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
        _chosen[row] = sampler.Sample(Logits(row, thread), drawing.Tokens, uniform, request.Sampling);
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
