using Rlhf.Model;
using Rlhf.Numerics;

namespace Rlhf.Generation;

/// <summary>
/// Samples answers to many prompts at once. Each pass carries the next token of every live sequence and the prompts (or parts of prompts) of those that just got a slot; a sequence
/// that ends gives its slot to the next prompt. An answer depends on its prompt, its number and the seed alone.
/// </summary>
public sealed class Generator : IDisposable
{
    private readonly Decoder _decoder;
    private readonly Arena _arena;
    private readonly DecoderPass _pass;
    private readonly LanguageHead _head;
    private readonly PackedBatch _batch = new();
    private readonly Sampler _sampler;
    private readonly List<Live> _live = [];
    private KeyValueCache? _cache;
    private float[] _logits = [];
    private int[] _chosen = [];
    private float[] _logProbabilities = [];

    /// <summary>A generator that reads the decoder's present weights at each call.</summary>
    public Generator(Decoder decoder)
    {
        _decoder = decoder;
        _arena = new Arena(decoder.Device);
        _pass = new DecoderPass(decoder, _arena);
        _head = new LanguageHead(decoder, _arena);
        _sampler = new Sampler(decoder.Config.VocabularySize);
    }

    /// <summary>Answers to the prompts, in their order.</summary>
    /// <param name="prompts">Token ids, at least one each.</param>
    /// <param name="settings">How to sample.</param>
    /// <param name="onToken">Told the number of the answer and the token after each draw.</param>
    /// <param name="cancellation">Ends the work between passes.</param>
    public Completion[] Generate(IReadOnlyList<int[]> prompts, GenerationSettings settings, Action<int, int>? onToken = null, CancellationToken cancellation = default)
    {
        settings.Sampling.Validate();
        var completions = new Completion[prompts.Count];
        if (prompts.Count == 0)
        {
            return completions;
        }

        var cache = PrepareCache(prompts, settings);
        var next = 0;
        try
        {
            while (next < prompts.Count || _live.Count > 0)
            {
                cancellation.ThrowIfCancellationRequested();
                while (next < prompts.Count && cache.HasFree)
                {
                    _live.Add(new Live(next, prompts[next], cache.TakeSlot(), settings.MaxNewTokens));
                    next++;
                }

                Step(cache, settings, onToken);
                Retire(cache, settings, completions);
            }
        }
        finally
        {
            foreach (var live in _live)
            {
                cache.GiveBack(live.Slot);
            }

            _live.Clear();
        }

        return completions;
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        _arena.Dispose();
        _cache?.Dispose();
    }

    private KeyValueCache PrepareCache(IReadOnlyList<int[]> prompts, GenerationSettings settings)
    {
        var longest = 0;
        foreach (var prompt in prompts)
        {
            if (prompt.Length == 0)
            {
                throw new InputException("A prompt has no token: give it some text, or a model whose tokenizer has a beginning-of-sequence token.");
            }

            longest = Math.Max(longest, prompt.Length);
        }

        var capacity = longest + settings.MaxNewTokens;
        if (capacity > _decoder.Config.ContextLength)
        {
            throw new InputException(
                $"A prompt of {longest} tokens and {settings.MaxNewTokens} new ones do not fit the model's context of {_decoder.Config.ContextLength}: shorten the prompt or lower the number of new tokens.");
        }

        var slots = Math.Min(prompts.Count, settings.LiveSequences);
        if (_cache is null || _cache.Capacity < capacity || _cache.Slots < slots)
        {
            var (oldSlots, oldCapacity) = (_cache?.Slots ?? 0, _cache?.Capacity ?? 0);
            _cache?.Dispose();
            _cache = new KeyValueCache(_decoder, Math.Max(slots, oldSlots), Math.Max(capacity, oldCapacity));
        }

        return _cache;
    }

    /// <summary>One pass: feeds each live sequence what it has not fed yet, within the row budget, and draws a token for those that are up to date.</summary>
    private void Step(KeyValueCache cache, GenerationSettings settings, Action<int, int>? onToken)
    {
        _arena.Reset();
        _batch.Clear();
        foreach (var live in _live)
        {
            var rows = Math.Min(live.Tokens.Count - live.Fed, settings.RowBudget - _batch.Rows);
            live.Drawing = rows > 0 && live.Fed + rows == live.Tokens.Count;
            if (rows > 0)
            {
                var tokens = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(live.Tokens).Slice(live.Fed, rows);
                _batch.AddContinuation(tokens, live.Fed, cache.StoreOf(live.Slot), cache.Capacity, live.Drawing);
                live.Fed += rows;
            }
        }

        var hidden = _pass.Forward(_batch, cache.Memory, cache.LayerStride);
        if (_batch.TargetCount > 0)
        {
            Draw(_head.Logits(hidden, _batch), settings, onToken);
        }
    }

    private void Draw(FloatBuffer logits, GenerationSettings settings, Action<int, int>? onToken)
    {
        var (count, vocabulary) = (_batch.TargetCount, _decoder.Config.VocabularySize);
        Grow(count, vocabulary);
        _decoder.Device.CopyOut(logits, _logits.AsSpan(0, count * vocabulary));
        var row = 0;
        foreach (var live in _live)
        {
            if (!live.Drawing)
            {
                continue;
            }

            var position = (uint)(live.Tokens.Count - live.Prompt.Length);
            var uniform = Philox.Uniform(settings.Seed, settings.Stream, settings.FirstRow + (uint)live.Request, position);
            var previous = System.Runtime.InteropServices.CollectionsMarshal.AsSpan(live.Tokens);
            var token = _sampler.Sample(_logits.AsSpan(row * vocabulary, vocabulary), previous, uniform, settings.Sampling);
            live.Tokens.Add(token);
            _chosen[row++] = token;
            onToken?.Invoke(live.Request, token);
        }

        var inverse = settings.Sampling.IsGreedy ? 1f : (float)(1 / settings.Sampling.Temperature);
        var logProbabilities = _arena.Take(count);
        _decoder.Device.LogProbabilities(logits, _arena.Take(_chosen.AsSpan(0, count)), count, vocabulary, inverse, logProbabilities);
        _decoder.Device.CopyOut(logProbabilities, _logProbabilities.AsSpan(0, count));
        row = 0;
        foreach (var live in _live)
        {
            if (live.Drawing)
            {
                live.LogProbabilities.Add(_logProbabilities[row++]);
            }
        }
    }

    private void Retire(KeyValueCache cache, GenerationSettings settings, Completion[] completions)
    {
        for (var i = _live.Count - 1; i >= 0; i--)
        {
            var live = _live[i];
            var drawn = live.LogProbabilities.Count;
            var finished = drawn > 0 && settings.EndIds.Contains(live.Tokens[^1]);
            if (finished || drawn == settings.MaxNewTokens)
            {
                completions[live.Request] = new Completion(live.Prompt, [.. live.Tokens[live.Prompt.Length..]], [.. live.LogProbabilities], finished);
                cache.GiveBack(live.Slot);
                _live.RemoveAt(i);
            }
        }
    }

    private void Grow(int count, int vocabulary)
    {
        if (_logits.Length < count * vocabulary)
        {
            _logits = new float[count * vocabulary];
        }

        if (_chosen.Length < count)
        {
            _chosen = new int[count];
            _logProbabilities = new float[count];
        }
    }

    private sealed class Live(int request, int[] prompt, int slot, int maxNewTokens)
    {
        public int Request => request;

        public int[] Prompt => prompt;

        public int Slot => slot;

        public List<int> Tokens { get; } = Begin(prompt, maxNewTokens);

        public List<float> LogProbabilities { get; } = new(maxNewTokens);

        public int Fed { get; set; }

        public bool Drawing { get; set; }

        private static List<int> Begin(int[] prompt, int maxNewTokens)
        {
            var tokens = new List<int>(prompt.Length + maxNewTokens);
            tokens.AddRange(prompt);
            return tokens;
        }
    }
}
