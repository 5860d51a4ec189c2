using Rlhf.Numerics;

namespace Rlhf.Model;

/// <summary>
/// A batch without padding: the tokens of all sequences one after another (N rows), each sequence's span of rows, and the rows whose prediction is
/// wanted (R targets: the row before a token predicts it). Reused from step to step.
/// </summary>
public sealed class PackedBatch
{
    private readonly List<int> _tokens = [];
    private readonly List<int> _positions = [];
    private readonly List<int> _targetRows = [];
    private readonly List<int> _targets = [];
    private readonly List<SequenceSpan> _sequences = [];

    /// <summary>N.</summary>
    public int Rows => _tokens.Count;

    /// <summary>R.</summary>
    public int TargetCount => _targets.Count;

    /// <summary>Spans of the sequences, in the order they were added.</summary>
    public ReadOnlySpan<SequenceSpan> Sequences => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sequences);

    /// <summary>Token ids [N].</summary>
    public ReadOnlySpan<int> Tokens => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Position of each row in its sequence [N].</summary>
    public ReadOnlySpan<int> Positions => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_positions);

    /// <summary>Rows whose output is wanted [R].</summary>
    public ReadOnlySpan<int> TargetRows => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_targetRows);

    /// <summary>The token that each target row is asked about [R].</summary>
    public ReadOnlySpan<int> Targets => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_targets);

    /// <summary>Floats of key-value memory that the spans of sequences without a cache of their own take.</summary>
    public long KeyValueLength { get; private set; }

    /// <summary>Removes everything.</summary>
    public void Clear()
    {
        _tokens.Clear();
        _positions.Clear();
        _targetRows.Clear();
        _targets.Clear();
        _sequences.Clear();
        KeyValueLength = 0;
    }

    /// <summary>
    /// Adds a whole sequence. Its tokens from <paramref name="firstTarget"/> on are targets, unless <paramref name="targetMask"/> (one flag per token) says otherwise; a
    /// sequence's first token is never one.
    /// </summary>
    public void Add(ReadOnlySpan<int> tokens, int firstTarget, IDevice device, AttentionShape shape, bool[]? targetMask = null)
    {
        var first = AddRows(tokens, 0, KeyValueLength, tokens.Length);
        KeyValueLength += device.KeyValueLength(shape, tokens.Length);
        for (var t = Math.Max(1, firstTarget); t < tokens.Length; t++)
        {
            if (targetMask is null || targetMask[t])
            {
                _targetRows.Add(first + t - 1);
                _targets.Add(tokens[t]);
            }
        }
    }

    /// <summary>Adds a whole sequence whose last row is its one target row, as a reward model reads it.</summary>
    public void AddWithLastRow(ReadOnlySpan<int> tokens, IDevice device, AttentionShape shape)
    {
        Add(tokens, tokens.Length, device, shape);
        _targetRows.Add(Rows - 1);
        _targets.Add(0);
    }

    /// <summary>Adds the next tokens of a sequence whose <paramref name="past"/> earlier ones are in a cache; its last row is a target row if <paramref name="wanted"/>.</summary>
    public void AddContinuation(ReadOnlySpan<int> tokens, int past, long store, int capacity, bool wanted)
    {
        AddRows(tokens, past, store, capacity);
        if (wanted)
        {
            _targetRows.Add(Rows - 1);
            _targets.Add(0);
        }
    }

    private int AddRows(ReadOnlySpan<int> tokens, int past, long store, int capacity)
    {
        var first = Rows;
        foreach (var token in tokens)
        {
            _positions.Add(past + Rows - first);
            _tokens.Add(token);
        }

        _sequences.Add(new SequenceSpan(first, tokens.Length, past, store, capacity));
        return first;
    }
}
