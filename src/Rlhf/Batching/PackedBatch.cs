using Rlhf.Compute.Operations;

namespace Rlhf.Batching;

/// <summary>
/// A batch without padding: the tokens of all sequences one after another (N rows), each sequence's span of rows, and the rows whose prediction is
/// wanted (R targets: the row before a token predicts it). Answers to one prompt may share its rows. Reused from step to step.
/// </summary>
public sealed class PackedBatch
{
    private readonly List<int> _tokens = [];
    private readonly List<int> _positions = [];
    private readonly List<int> _targetRows = [];
    private readonly List<int> _targets = [];
    private readonly List<SequenceSpan> _sequences = [];
    private readonly List<SequenceSpan> _lastSequences = [];
    private readonly List<ModelSpan> _models = [];
    private readonly List<int> _queryRows = [];
    private readonly List<int> _rowLengths = [];

    /// <summary>N.</summary>
    public int Rows => _tokens.Count;

    /// <summary>R.</summary>
    public int TargetCount => _targets.Count;

    /// <summary>Spans of the sequences, in the order they were added.</summary>
    public ReadOnlySpan<SequenceSpan> Sequences => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_sequences);

    /// <summary>The spans as the last block's attention sees them: a sequence's first query is its first target row, since nobody reads the output of those
    /// before it.</summary>
    public ReadOnlySpan<SequenceSpan> LastSequences => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_lastSequences);

    /// <summary>The runs of neighbouring sequences of one model; together they have all rows and all target rows.</summary>
    public ReadOnlySpan<ModelSpan> Models => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_models);

    /// <summary>Token ids [N].</summary>
    public ReadOnlySpan<int> Tokens => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_tokens);

    /// <summary>Position of each row in its sequence [N].</summary>
    public ReadOnlySpan<int> Positions => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_positions);

    /// <summary>For each span the tokens of the whole sequence that it is a part of [B]; a shared prompt's is that of its first answer.</summary>
    public ReadOnlySpan<int> RowLengths => System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_rowLengths);

    /// <summary>Whether some answers share the rows of their prompt.</summary>
    public bool SharesPrompts { get; private set; }

    /// <summary>Rows whose output is wanted [R]; the last row of a shared prompt is wanted by each of its answers.</summary>
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
        _lastSequences.Clear();
        _models.Clear();
        _rowLengths.Clear();
        KeyValueLength = 0;
        SharesPrompts = false;
    }

    /// <summary>
    /// Adds a whole sequence. Its tokens from <paramref name="firstTarget"/> on are targets, unless <paramref name="targetMask"/> (one flag per token) says
    /// otherwise; a
    /// sequence's first token is never one.
    /// </summary>
    public void Add(ReadOnlySpan<int> tokens, int firstTarget, IDevice device, AttentionShape shape, bool[]? targetMask = null)
    {
        var first = AddWhole(tokens, device, shape, tokens.Length);
        for (var t = Math.Max(1, firstTarget); t < tokens.Length; t++)
        {
            if (targetMask is null || targetMask[t])
            {
                AddTarget(first + t - 1, tokens[t]);
            }
        }
    }

    /// <summary>Adds a whole sequence whose last row is its one target row, as a reward model reads it.</summary>
    public void AddWithLastRow(ReadOnlySpan<int> tokens, IDevice device, AttentionShape shape)
    {
        AddWhole(tokens, device, shape, tokens.Length);
        AddTarget(Rows - 1, 0);
    }

    /// <summary>
    /// Adds the sequences of a family, their prompt's rows once. Targets are the response tokens, sequence by sequence as <see cref="Add"/> has them, or each
    /// sequence's last row. The
    /// outputs have the bits that sequences on their own would have.
    /// </summary>
    public void AddFamily(IReadOnlyList<int[]> sequences, PromptFamily family, bool lastRowOnly, IDevice device, AttentionShape shape)
    {
        if (!family.IsShared)
        {
            if (lastRowOnly)
            {
                AddWithLastRow(sequences[family.Start], device, shape);
            }
            else
            {
                Add(sequences[family.Start], family.PromptLength, device, shape);
            }

            return;
        }

        SharesPrompts = true;
        var prefix = _sequences.Count;
        AddWhole(sequences[family.Start].AsSpan(0, family.PromptLength), device, shape, sequences[family.Start].Length);
        var endOfPrompt = Rows - 1;
        for (var i = family.Start; i < family.End; i++)
        {
            var answer = sequences[i].AsSpan(family.PromptLength);
            var first = AddBranch(answer, prefix, device, shape);
            for (var t = 0; t < answer.Length && !lastRowOnly; t++)
            {
                AddTarget(t == 0 ? endOfPrompt : first + t - 1, answer[t]);
            }

            if (lastRowOnly)
            {
                AddTarget(answer.IsEmpty ? endOfPrompt : Rows - 1, 0);
            }
        }
    }

    /// <summary>Adds the next tokens of a sequence whose <paramref name="past"/> earlier ones are in a cache; its last <paramref name="wanted"/> rows are
    /// target rows. The sequence has <paramref name="rowLength"/> tokens, also where some of them come later, and belongs to the model with the
    /// number <paramref name="model"/> (<see cref="ModelSpan"/>).</summary>
    public void AddContinuation(ReadOnlySpan<int> tokens, int past, long store, int capacity, int wanted, int rowLength, int model = 0)
    {
        AddRows(tokens, new SequenceSpan(Rows, tokens.Length, past, store, capacity), rowLength, model);
        for (var row = Rows - wanted; row < Rows; row++)
        {
            AddTarget(row, 0);
        }
    }

    /// <summary>The rows that have queries in <see cref="LastSequences"/>, in order.</summary>
    public ReadOnlySpan<int> QueryRows()
    {
        _queryRows.Clear();
        foreach (var span in _lastSequences)
        {
            for (var row = span.FirstQuery; row < span.Rows; row++)
            {
                _queryRows.Add(span.FirstRow + row);
            }
        }

        return System.Runtime.InteropServices.CollectionsMarshal.AsSpan(_queryRows);
    }

    private int AddWhole(ReadOnlySpan<int> tokens, IDevice device, AttentionShape shape, int rowLength)
    {
        var span = new SequenceSpan(Rows, tokens.Length, 0, KeyValueLength, tokens.Length);
        KeyValueLength += device.KeyValueLength(shape, tokens.Length);
        return AddRows(tokens, span, rowLength);
    }

    /// <summary>Adds an answer to the prompt whose span has the number <paramref name="prefix"/>; an answer without tokens has no span.</summary>
    private int AddBranch(ReadOnlySpan<int> answer, int prefix, IDevice device, AttentionShape shape)
    {
        if (answer.IsEmpty)
        {
            return Rows;
        }

        var span = new SequenceSpan(Rows, answer.Length, _sequences[prefix].Rows, KeyValueLength, 0, prefix);
        span = span with { Capacity = span.Past + span.Rows - span.FirstStored };
        KeyValueLength += device.KeyValueLength(shape, span.Capacity);
        return AddRows(answer, span, span.Past + span.Rows);
    }

    private int AddRows(ReadOnlySpan<int> tokens, SequenceSpan span, int rowLength, int model = 0)
    {
        if (_models is not [.., var last] || last.Model != model)
        {
            _models.Add(last = new ModelSpan(model, Rows, 0, TargetCount, 0));
        }

        _models[^1] = last with { Rows = last.Rows + tokens.Length };
        for (var i = 0; i < tokens.Length; i++)
        {
            _positions.Add(span.Past + i);
            _tokens.Add(tokens[i]);
        }

        _sequences.Add(span);
        _rowLengths.Add(rowLength);
        _lastSequences.Add(span with { FirstQuery = span.Rows });
        return span.FirstRow;
    }

    private void AddTarget(int row, int token)
    {
        _models[^1] = _models[^1] with { Targets = _models[^1].Targets + 1 };
        _targetRows.Add(row);
        _targets.Add(token);
        var i = _lastSequences.Count - 1;
        while (_lastSequences[i].FirstRow > row)
        {
            i--; // the prompt's last row is a branch's target, too
        }

        var sequence = _lastSequences[i];
        _lastSequences[i] = sequence with { FirstQuery = Math.Min(sequence.FirstQuery, row - sequence.FirstRow) };
    }
}
