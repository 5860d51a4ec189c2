using System.Buffers;
using System.Collections.Concurrent;
using System.Globalization;
using System.Text;

namespace Rlhf.Text;

/// <summary>What a BPE model does besides merging.</summary>
/// <param name="UnknownId">Id for a character outside the vocabulary; null for none.</param>
/// <param name="FuseUnknown">Neighbouring unknown characters become one token.</param>
/// <param name="ByteFallback">A character outside the vocabulary becomes its UTF-8 bytes, <c>&lt;0xNN&gt;</c>.</param>
/// <param name="IgnoreMerges">A word that is a token as a whole is that token, whatever the merges say.</param>
internal sealed record BytePairRules(int? UnknownId = null, bool FuseUnknown = false, bool ByteFallback = false, bool IgnoreMerges = false);

/// <summary>Byte-pair encoding of words: again and again the adjacent pair of lowest rank, the leftmost first (Sennrich et al. 2016).</summary>
internal sealed class BytePairModel
{
    // Words repeat; longer ones seldom do.
    private const int LongestCachedWord = 48;
    private const int MostCachedWords = 1 << 16;

    private readonly Vocabulary _vocabulary;
    private readonly Dictionary<long, Merge> _merges;
    private readonly BytePairRules _rules;
    private readonly bool _byteLevel;
    private readonly int?[] _byteIds = new int?[256];
    private readonly ConcurrentDictionary<string, int[]> _cache = new();
    private readonly ConcurrentDictionary<string, int[]>.AlternateLookup<ReadOnlySpan<char>> _cacheBySpan;
    private int _cached;

    /// <summary>Creates a model; merges map (left id, right id) as <see cref="Pair"/> gives them to what they become.</summary>
    public BytePairModel(Vocabulary vocabulary, Dictionary<long, Merge> merges, BytePairRules rules, bool byteLevel)
    {
        _vocabulary = vocabulary;
        _merges = merges;
        _rules = rules;
        _byteLevel = byteLevel;
        _cacheBySpan = _cache.GetAlternateLookup<ReadOnlySpan<char>>();
        for (var value = 0; value < 256; value++)
        {
            var spelling = byteLevel
                ? ByteAlphabet.CharacterOf((byte)value).ToString()
                : string.Create(CultureInfo.InvariantCulture, $"<0x{value:X2}>");
            _byteIds[value] = vocabulary.Find(spelling);
        }
    }

    /// <summary>Whether any number of unknown characters can be one token.</summary>
    public bool FusesUnknown => _rules is { FuseUnknown: true, UnknownId: not null };

    /// <summary>Id of a character outside the vocabulary; null for none.</summary>
    public int? UnknownId => _rules.UnknownId;

    /// <summary>The pairs that are merged, the first first.</summary>
    public IEnumerable<(int Left, int Right)> MergesByRank =>
        _merges.OrderBy(merge => merge.Value.Rank).Select(merge => ((int)(merge.Key >> 32), (int)(uint)merge.Key));

    /// <summary>The rank of the first merge that makes each id.</summary>
    public Dictionary<int, int> MadeByRank => _merges.Values.GroupBy(merge => merge.Id).ToDictionary(made => made.Key, made => made.Min(merge => merge.Rank));

    /// <summary>A merge.</summary>
    /// <param name="Rank">Its place in the list; lower is merged first.</param>
    /// <param name="Id">The token that the pair becomes.</param>
    internal readonly record struct Merge(int Rank, int Id);

    /// <summary>The key of a pair of ids.</summary>
    public static long Pair(int left, int right) => ((long)left << 32) | (uint)right;

    /// <summary>Appends the ids of one word.</summary>
    public void Encode(ReadOnlySpan<char> word, List<int> ids)
    {
        if (word.Length > LongestCachedWord)
        {
            ids.AddRange(EncodeWord(word));
        }
        else
        {
            if (!_cacheBySpan.TryGetValue(word, out var known))
            {
                Remember(word, known = EncodeWord(word));
            }

            ids.AddRange(known);
        }
    }

    private void Remember(ReadOnlySpan<char> word, int[] ids)
    {
        if (Interlocked.Increment(ref _cached) > MostCachedWords)
        {
            _cache.Clear();
            _cached = 0;
        }

        _cacheBySpan.TryAdd(word, ids);
    }

    private int[] EncodeWord(ReadOnlySpan<char> word)
    {
        if (_rules.IgnoreMerges && (_byteLevel ? _vocabulary.Find(ByteAlphabet.Spell(word)) : _vocabulary.Find(word)) is { } whole)
        {
            return [whole];
        }

        var ids = new List<int>(word.Length);
        if (_byteLevel)
        {
            AddBytes(word, ids);
        }
        else
        {
            AddCharacters(word, ids);
        }

        return ids.Count < 2 ? [.. ids] : ApplyMerges([.. ids]);
    }

    private void AddBytes(ReadOnlySpan<char> text, List<int> ids)
    {
        Span<byte> bytes = stackalloc byte[4];
        foreach (var rune in text.EnumerateRunes())
        {
            foreach (var value in bytes[..rune.EncodeToUtf8(bytes)])
            {
                ids.Add(_byteIds[value] ?? _rules.UnknownId
                    ?? throw new InputException(
                        FormattableString.Invariant($"the tokenizer's vocabulary has no token for the byte 0x{value:X2}, and no unknown token")));
            }
        }
    }

    private void AddCharacters(ReadOnlySpan<char> text, List<int> ids)
    {
        var afterUnknown = false;
        for (int start = 0, length; start < text.Length; start += length)
        {
            length = char.IsHighSurrogate(text[start]) ? 2 : 1;
            var character = text.Slice(start, length);
            var known = _vocabulary.Find(character);
            if (known is not null)
            {
                ids.Add(known.Value);
            }

            var unknown = known is null && !AddFallback(character, ids);
            if (unknown && !(afterUnknown && _rules.FuseUnknown))
            {
                ids.Add(_rules.UnknownId ?? throw new InputException($"the tokenizer's vocabulary has no token for \"{character}\", and no unknown token"));
            }

            afterUnknown = unknown;
        }
    }

    private bool AddFallback(ReadOnlySpan<char> character, List<int> ids)
    {
        if (!_rules.ByteFallback)
        {
            return false;
        }

        Span<byte> bytes = stackalloc byte[4];
        bytes = bytes[..Encoding.UTF8.GetBytes(character, bytes)];
        foreach (var value in bytes)
        {
            if (_byteIds[value] is null)
            {
                return false;
            }
        }

        foreach (var value in bytes)
        {
            ids.Add(_byteIds[value]!.Value);
        }

        return true;
    }

    /// <summary>
    /// Merges in O(n log n): the symbols form a linked list, candidates wait in a heap by (rank, position), and one whose pair is no longer
    /// there is passed over. A merge is known by its rank, and a symbol that was absorbed has id -1.
    /// </summary>
    private int[] ApplyMerges(int[] ids)
    {
        var count = ids.Length;
        var links = ArrayPool<int>.Shared.Rent(2 * count);
        var next = links.AsSpan(0, count);
        var previous = links.AsSpan(count, count);
        var candidates = new PriorityQueue<int, ulong>(count);
        for (var i = 0; i < count; i++)
        {
            (previous[i], next[i]) = (i - 1, i + 1);
            AddCandidate(ids, i, i + 1, candidates);
        }

        while (candidates.TryDequeue(out var left, out var priority))
        {
            var right = next[left];
            if (ids[left] < 0 || right >= count || !_merges.TryGetValue(Pair(ids[left], ids[right]), out var merge) || merge.Rank != (int)(priority >> 32))
            {
                continue;
            }

            ids[left] = merge.Id;
            ids[right] = -1;
            next[left] = next[right];
            if (next[left] < count)
            {
                previous[next[left]] = left;
            }

            AddCandidate(ids, previous[left], left, candidates);
            AddCandidate(ids, left, next[left], candidates);
        }

        ArrayPool<int>.Shared.Return(links);
        return Array.FindAll(ids, id => id >= 0);
    }

    private void AddCandidate(int[] ids, int left, int right, PriorityQueue<int, ulong> candidates)
    {
        if (left >= 0 && right < ids.Length && _merges.TryGetValue(Pair(ids[left], ids[right]), out var merge))
        {
            candidates.Enqueue(left, ((ulong)merge.Rank << 32) | (uint)left);
        }
    }
}
