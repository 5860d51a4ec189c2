using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Sampling;

/// <summary>
/// The sequences that are generated together. Between two passes any of them may join or leave; each pass carries the next token of every live sequence and the
/// prompts (or
/// parts of prompts) of those that just joined. Of sequences with the same prompt the first feeds it; the others copy its keys and values and feed the last
/// token, which gives the same
/// bits. Models that differ in their adapters alone may generate together. An answer does not depend on its neighbours. One thread at a time.
/// </summary>
public sealed partial class GenerationBatch : IDisposable
{
    // Logits of prompts that are scored in one pass at most, all together: 16 MiB.
    private const int MostScoredLogits = 1 << 22;

    private readonly Decoder _decoder;
    private readonly int _models;
    private readonly Arena _arena;
    private readonly bool _ownsArena;
    private readonly DecoderPass _pass;
    private readonly LanguageHead _head;
    private readonly PackedBatch _batch = new();
    private readonly List<GenerationSequence> _live = [];
    private KeyValueCache? _cache;

    /// <summary>A batch without room: <see cref="Reserve"/> makes it.</summary>
    /// <param name="decoder">The model.</param>
    /// <param name="sharedArena">Memory for activations that is used by others in turn; null for memory of its own.</param>
    /// <param name="others">More models on the same weights, with the numbers 1, 2, ... (<see cref="GenerationRequest.Model"/>).</param>
    public GenerationBatch(Decoder decoder, Arena? sharedArena = null, IReadOnlyList<Decoder>? others = null)
    {
        (_decoder, _models) = (decoder, 1 + (others?.Count ?? 0));
        _ownsArena = sharedArena is null;
        _arena = sharedArena ?? new Arena(decoder.Device);
        _pass = new DecoderPass(decoder, _arena, others);
        _head = new LanguageHead(decoder, _arena);
        _samplers = new Sampler?[decoder.Device.Threads];
        _logits = new float[]?[decoder.Device.Threads];
        (_sample, _rank) = (Sample, Rank);
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
        if (!request.Fits(_cache!.Capacity))
        {
            throw new ArgumentException(
                $"A prompt of {request.Prompt.Length} tokens with {request.MaxNewTokens} new ones does not fit {_cache?.Capacity ?? 0}.", nameof(request));
        }

        ArgumentOutOfRangeException.ThrowIfGreaterThanOrEqual((uint)request.Model, (uint)_models, nameof(request));
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
    /// (<see cref="GenerationSequence.HasDrawn"/>) and scores prompts where that is asked for, unless its logits are not finite
    /// (<see cref="GenerationSequence.Failure"/>).
    /// Sequences that are done or failed must have been removed.
    /// </summary>
    public void Step(int rowBudget)
    {
        _arena.Reset();
        _batch.Clear();
        ForgetOtherAngles();
        CopyPrompts();
        Pack(rowBudget);
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

    /// <summary>Shares the rows out in the order in which the sequences joined, so that none waits for ever, and puts those of one model next to each
    /// other.</summary>
    private void Pack(int rowBudget)
    {
        var scored = Math.Max(1, MostScoredLogits / _decoder.Config.VocabularySize);
        foreach (var live in _live)
        {
            live.Feeding = WaitsForPrompt(live) ? 0 : Math.Min(live.Unfed, live.IsScored ? rowBudget : Math.Min(rowBudget, scored));
            live.HasDrawn = live.Feeding > 0 && live.Fed + live.Feeding == live.Tokens.Length;
            scored -= live.IsScored ? 0 : live.Feeding;
            rowBudget -= live.Feeding;
        }

        _wanted.Clear();
        foreach (var live in _live.Where(static live => live.Feeding > 0).OrderBy(static live => live.Request.Model))
        {
            var wanted = live.WantedRows();
            _batch.AddContinuation(
                live.Tokens.Slice(live.Fed, live.Feeding), live.Fed, _cache!.StoreOf(live.Slot), _cache.Capacity, wanted, live.Tokens.Length,
                live.Request.Model);
            live.Fed += live.Feeding;
            for (var position = live.Fed - wanted; position < live.Fed; position++)
            {
                _wanted.Add(new WantedRow(live, position + 1));
            }
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

    // A prompt that is scored goes through the model itself.
    private bool WaitsForPrompt(GenerationSequence live) =>
        live.Fed == 0 && live.Request.Prompt.Length > 1 && !live.Request.ScoresPrompt && FirstWithPromptOf(live) != live;

    private GenerationSequence FirstWithPromptOf(GenerationSequence live)
    {
        foreach (var other in _live)
        {
            if (other.Request.Model == live.Request.Model && other.RotaryRegime == live.RotaryRegime
                && other.Request.Prompt.AsSpan().SequenceEqual(live.Request.Prompt))
            {
                return other;
            }
        }

        return live;
    }
}
