using System.Text.Json;

namespace Rlhf.Text.Grammars;

/// <summary>
/// What texts an answer may be, in a vocabulary's tokens: JSON that satisfies a schema. An automaton over bytes; the tokens that may come at a place are found
/// once, by walking the vocabulary in the order of its bytes, and remembered. Whatever tokens are taken, the text is valid once it is whole. Safe for use from
/// several threads.
/// </summary>
public sealed class TokenGrammar
{
    private readonly Lock _gate = new();
    private readonly TokenTable _table;
    private readonly IReadOnlyList<int> _ends;
    private readonly FrameTable _frames = new();
    private readonly JsonSteps _steps;
    private readonly Dictionary<Frame?[], GrammarState> _states = new(new GrammarState.SameFrames());
    private readonly GrammarState _dead = new([]);
    private readonly List<Frame?> _found = [];
    private readonly GrammarState[] _path;
    private readonly SchemaNode _root;
    private int _maskBytes;

    private TokenGrammar(TokenTable table, IReadOnlyList<int> ends, SchemaNode root)
    {
        (_table, _ends, _root) = (table, ends, root);
        _steps = new JsonSteps(_frames);
        _path = new GrammarState[table.Longest + 1];
    }

    /// <summary>JSON that satisfies a schema.</summary>
    /// <param name="table">The vocabulary.</param>
    /// <param name="ends">Tokens that end an answer.</param>
    /// <param name="schema">The schema.</param>
    /// <exception cref="InputException">The schema is wrong, too large, or says what is not supported.</exception>
    public static TokenGrammar OfSchema(TokenTable table, IReadOnlyList<int> ends, JsonElement schema) => new(table, ends, JsonSchemaReader.Read(schema));

    /// <summary>Any JSON object.</summary>
    /// <param name="table">The vocabulary.</param>
    /// <param name="ends">Tokens that end an answer.</param>
    public static TokenGrammar OfObjects(TokenTable table, IReadOnlyList<int> ends) => new(table, ends, JsonSchemaReader.AnyObject());

    /// <summary>The beginning of an answer.</summary>
    public GrammarCursor Start()
    {
        lock (_gate)
        {
            return new GrammarCursor(this, StateOf([_frames.Of(_root, Phase.Root, below: null)]));
        }
    }

    /// <summary>A bit for each token that may come.</summary>
    /// <exception cref="RunFailedException">The schema asks for too much work here, or the vocabulary has no token that could go on.</exception>
    internal ReadOnlySpan<ulong> TokensAt(GrammarState state)
    {
        lock (_gate)
        {
            return (Same(state).Tokens ??= Remembered(Find(Same(state)))).AsSpan();
        }
    }

    /// <summary>The state after a token that was allowed.</summary>
    internal GrammarState After(GrammarState state, int token)
    {
        lock (_gate)
        {
            foreach (var next in _table.BytesOf(token))
            {
                state = Step(state, next);
            }

            return state;
        }
    }

    /// <summary>Whether the text is whole and nothing can follow.</summary>
    internal bool IsOver(GrammarState state)
    {
        lock (_gate)
        {
            return state.IsOver || (state.MayEnd && Enumerable.Range(0, 256).All(next => Step(state, (byte)next) == _dead));
        }
    }

    private ulong[] Find(GrammarState start)
    {
        var tokens = new ulong[(_table.Vocabulary + 63) / 64];
        var (any, dead, work) = (start.MayEnd, int.MaxValue, 0L); // Beginnings of more bytes than `dead` are known to lead nowhere.
        _path[0] = start;
        for (var i = 0; i < _table.Ids.Length; i++)
        {
            if (_table.Shared[i] > dead)
            {
                continue;
            }

            var (id, depth) = (_table.Ids[i], _table.Shared[i]);
            var bytes = _table.BytesOf(id);
            for (dead = int.MaxValue; depth < bytes.Length; depth++)
            {
                work += _path[depth].Frames.Length;
                _path[depth + 1] = Step(_path[depth], bytes[depth]);
                if (_path[depth + 1] == _dead)
                {
                    dead = depth;
                    break;
                }
            }

            // A token that ends answers is none of their text, even where the tokenizer does not call it special.
            if (dead == int.MaxValue && !_ends.Contains(id))
            {
                tokens[id >> 6] |= 1UL << id;
                any = true;
            }

            if (work > Limits.GrammarSteps)
            {
                throw new RunFailedException("The schema of response_format can be read in too many ways at once; make its alternatives begin differently.");
            }
        }

        foreach (var end in _ends.Where(end => start.MayEnd && end < _table.Vocabulary))
        {
            tokens[end >> 6] |= 1UL << end;
        }

        return any ? tokens : throw new RunFailedException("The tokenizer has no token that could go on with what response_format asks for.");
    }

    private ulong[] Remembered(ulong[] tokens)
    {
        _maskBytes += tokens.Length * sizeof(ulong);
        if (_maskBytes > Limits.GrammarMaskBytes)
        {
            Forget();
        }

        return tokens;
    }

    private GrammarState Step(GrammarState state, byte next)
    {
        state.Next ??= new GrammarState?[256];
        if (state.Next[next] is { } known)
        {
            return known;
        }

        _found.Clear();
        foreach (var frame in state.Frames)
        {
            _steps.Step(frame, next, _found);
        }

        return state.Next[next] = _found.Count == 0
            ? _dead
            : StateOf([.. _found.Distinct().OrderBy(static frame => frame?.Id ?? -1).Take(Limits.SchemaAlternatives)]);
    }

    private GrammarState StateOf(Frame?[] frames)
    {
        if (_states.TryGetValue(frames, out var state))
        {
            return state;
        }

        if (_states.Count >= Limits.GrammarStates)
        {
            Forget();
        }

        return _states[frames] = new GrammarState(frames);
    }

    // Answers on their way keep the states that they are in, and find the next ones anew.
    private void Forget()
    {
        _states.Clear();
        _frames.Clear();
        _maskBytes = 0;
    }

    /// <summary>A state that allows the same tokens: as long as no token is long enough to reach a limit of characters, the number so far does not
    /// count.</summary>
    private GrammarState Same(GrammarState state)
    {
        if (state.Frames is not [{ Phase: Phase.Text, Node: StringNode node, At: var at } frame])
        {
            return state;
        }

        var most = node.Most ?? int.MaxValue;
        var same = at >= node.Least && most - at > _table.Longest ? node.Least
            : at + _table.Longest < node.Least && node.Least <= most ? 0 : at;
        return same == at || most - same <= _table.Longest ? state : StateOf([_frames.Of(node, Phase.Text, frame.Below, same)]);
    }
}

/// <summary>Where an answer is in its grammar. One thread at a time.</summary>
public sealed class GrammarCursor
{
    private readonly TokenGrammar _grammar;
    private GrammarState _state;

    internal GrammarCursor(TokenGrammar grammar, GrammarState state) => (_grammar, _state) = (grammar, state);

    /// <summary>Whether the answer is whole, and nothing can follow but its end.</summary>
    public bool IsComplete { get; private set; }

    /// <summary>Whether the answer is whole, though something might follow.</summary>
    public bool MayEnd => _state.MayEnd;

    /// <summary>A bit for each token that may come.</summary>
    /// <exception cref="RunFailedException">The schema asks for too much work here, or the vocabulary has no token that could go on.</exception>
    public ReadOnlySpan<ulong> Allowed() => _grammar.TokensAt(_state);

    /// <summary>Takes a token that is allowed.</summary>
    public void Accept(int token)
    {
        _state = _grammar.After(_state, token);
        IsComplete = _grammar.IsOver(_state);
    }
}
