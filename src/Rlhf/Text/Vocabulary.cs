namespace Rlhf.Text;

/// <summary>Token spellings and their ids, one to one.</summary>
internal sealed class Vocabulary
{
    private readonly Dictionary<string, int> _ids = [];
    private readonly Dictionary<string, int>.AlternateLookup<ReadOnlySpan<char>> _idsBySpan;
    private readonly List<string?> _tokens = [];

    public Vocabulary() => _idsBySpan = _ids.GetAlternateLookup<ReadOnlySpan<char>>();

    /// <summary>Largest id + 1.</summary>
    public int Size => _tokens.Count;

    /// <summary>Spelling of an id; null for an id without a token.</summary>
    public string? this[int id] => (uint)id < (uint)_tokens.Count ? _tokens[id] : null;

    /// <summary>Id of a spelling; null when there is none.</summary>
    public int? Find(ReadOnlySpan<char> token) => _idsBySpan.TryGetValue(token, out var id) ? id : null;

    /// <summary>Reads <c>{"token": id, ...}</c>.</summary>
    public static Vocabulary FromJson(PlacedJson json)
    {
        var vocabulary = new Vocabulary();
        foreach (var (token, id) in json.Members())
        {
            vocabulary.Add(token, id.Integer(Limits.TokenId), id);
        }

        return vocabulary;
    }

    /// <summary>Gives an id another spelling: the one that it had is no token any more (InternLM2 names its spare entries so).</summary>
    /// <param name="token">A spelling that no id has.</param>
    /// <param name="id">An id with a token.</param>
    public void Rename(string token, int id)
    {
        _ids.Remove(_tokens[id]!);
        _tokens[id] = token;
        _ids[token] = id;
    }

    /// <summary>Adds a token; the same token with the same id again is no change.</summary>
    /// <param name="token">How it is spelled.</param>
    /// <param name="id">From 0 to <see cref="Limits.TokenId"/>.</param>
    /// <param name="where">Named in errors.</param>
    public void Add(string token, int id, PlacedJson where)
    {
        if (_ids.TryGetValue(token, out var other) && other != id)
        {
            throw where.Refuse(FormattableString.Invariant($"the token \"{token}\" has two ids, {other} and {id}"));
        }

        if (this[id] is { } holder && holder != token)
        {
            throw where.Refuse(FormattableString.Invariant($"the id {id} belongs to two tokens, \"{holder}\" and \"{token}\""));
        }

        while (_tokens.Count <= id)
        {
            _tokens.Add(null);
        }

        _tokens[id] = token;
        _ids[token] = id;
    }
}
