using System.Runtime.InteropServices;

namespace Rlhf.Text;

/// <summary>The words of a corpus as symbols, with the counts of all adjacent pairs kept up to date from merge to merge.</summary>
internal sealed class WordPairs
{
    private readonly List<(int[] Symbols, long Count)> _words = [];
    private readonly Dictionary<(int Left, int Right), long> _counts = [];
    // Words in which a pair stood at some time; it may have gone since.
    private readonly Dictionary<(int Left, int Right), List<int>> _places = [];
    private readonly PriorityQueue<(int Left, int Right), (long Count, int Left, int Right)> _queue = new(MostFrequentFirst);

    private static readonly Comparer<(long Count, int Left, int Right)> MostFrequentFirst = Comparer<(long Count, int Left, int Right)>.Create((a, b) =>
        a.Count != b.Count ? b.Count.CompareTo(a.Count) : a.Left != b.Left ? a.Left.CompareTo(b.Left) : a.Right.CompareTo(b.Right));

    /// <summary>Takes words with how often they occur; a word's first symbols are its bytes.</summary>
    public WordPairs(Dictionary<string, long> words, Func<char, int> idOf)
    {
        foreach (var (word, count) in words)
        {
            _words.Add(([.. ByteAlphabet.Spell(word).Select(idOf)], count));
            AddPairs(_words.Count - 1);
        }

        foreach (var (pair, count) in _counts)
        {
            _queue.Enqueue(pair, (count, pair.Left, pair.Right));
        }
    }

    /// <summary>The most frequent pair, of equals the one with the smallest ids; null when no pair is left.</summary>
    public (int Left, int Right, long Count)? MostFrequent()
    {
        // A pair's count only falls once it is in the queue, so an entry that is still right is the largest.
        while (_queue.TryPeek(out var pair, out var priority))
        {
            var count = _counts.GetValueOrDefault(pair);
            if (count == priority.Count && count > 0)
            {
                return (pair.Left, pair.Right, count);
            }

            _queue.Dequeue();
            if (count > 0)
            {
                _queue.Enqueue(pair, (count, pair.Left, pair.Right));
            }
        }

        return null;
    }

    /// <summary>Replaces a pair everywhere, in each word from left to right.</summary>
    public void Merge(int left, int right, int merged)
    {
        if (!_places.Remove((left, right), out var places))
        {
            return;
        }

        var fresh = new HashSet<(int Left, int Right)>();
        foreach (var place in places)
        {
            var (symbols, count) = _words[place];
            var replaced = Replace(symbols, left, right, merged);
            if (replaced.Length == symbols.Length)
            {
                continue;
            }

            for (var i = 1; i < symbols.Length; i++)
            {
                _counts[(symbols[i - 1], symbols[i])] -= count;
            }

            _words[place] = (replaced, count);
            AddPairs(place, merged, fresh);
        }

        _counts.Remove((left, right));
        foreach (var pair in fresh)
        {
            _queue.Enqueue(pair, (_counts[pair], pair.Left, pair.Right));
        }
    }

    /// <summary>Counts all pairs of a word; remembers its place for the new ones, which are those with a new symbol.</summary>
    private void AddPairs(int place, int? newSymbol = null, HashSet<(int Left, int Right)>? fresh = null)
    {
        var (symbols, count) = _words[place];
        for (var i = 1; i < symbols.Length; i++)
        {
            var pair = (symbols[i - 1], symbols[i]);
            CollectionsMarshal.GetValueRefOrAddDefault(_counts, pair, out _) += count;
            if (newSymbol is not null && symbols[i - 1] != newSymbol && symbols[i] != newSymbol)
            {
                continue;
            }

            fresh?.Add(pair);
            ref var places = ref CollectionsMarshal.GetValueRefOrAddDefault(_places, pair, out _);
            places ??= [];
            if (places.Count == 0 || places[^1] != place)
            {
                places.Add(place);
            }
        }
    }

    private static int[] Replace(int[] symbols, int left, int right, int merged)
    {
        var result = new List<int>(symbols.Length);
        for (var i = 0; i < symbols.Length; i++)
        {
            var isPair = symbols[i] == left && i + 1 < symbols.Length && symbols[i + 1] == right;
            result.Add(isPair ? merged : symbols[i]);
            if (isPair)
            {
                i++;
            }
        }

        return [.. result];
    }
}
