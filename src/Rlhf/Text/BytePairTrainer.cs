using System.Runtime.InteropServices;
using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>What to train; see <see cref="BytePairTrainer"/>.</summary>
public sealed record BytePairTrainerOptions
{
    /// <summary>Ids in all: special tokens, the 256 bytes, and merges. Training ends earlier when no pair is frequent enough.</summary>
    public required int VocabularySize { get; init; }

    /// <summary>Pairs seen less often than this are not merged.</summary>
    public int MinimumFrequency { get; init; } = 2;

    /// <summary>Special tokens; they get the first ids in this order.</summary>
    public IReadOnlyList<string> SpecialTokens { get; init; } = [];

    /// <summary>Which of the special tokens stands in front of a sequence; null for none.</summary>
    public string? BeginningOfSequence { get; init; }

    /// <summary>Which of the special tokens ends a sequence; null for none.</summary>
    public string? EndOfSequence { get; init; }

    /// <summary>A chat template to store in tokenizer_config.json; null for none.</summary>
    public string? ChatTemplate { get; init; }

    /// <summary>Checks the settings against each other.</summary>
    /// <exception cref="InputException">All that is wrong.</exception>
    public void Validate()
    {
        var errors = new List<string>();
        if (SpecialTokens.Any(string.IsNullOrEmpty) || SpecialTokens.Distinct().Count() != SpecialTokens.Count)
        {
            errors.Add("special tokens are texts, each given once");
        }

        if (SpecialTokens.Any(token => token is [var only] && ByteAlphabet.InCodePointOrder().Contains(only)))
        {
            errors.Add("a special token of one character would be taken for a byte");
        }

        if (VocabularySize < SpecialTokens.Count + 256 || VocabularySize > Limits.TokenId)
        {
            errors.Add(FormattableString.Invariant(
                $"the vocabulary size is {VocabularySize}; it holds the special tokens and 256 bytes, so at least {SpecialTokens.Count + 256}, at most {Limits.TokenId}"));
        }

        foreach (var token in new[] { BeginningOfSequence, EndOfSequence })
        {
            if (token is not null && !SpecialTokens.Contains(token))
            {
                errors.Add($"\"{token}\" is not among the special tokens");
            }
        }

        if (errors.Count > 0)
        {
            throw new InputException("tokenizer training: " + string.Join("; ", errors));
        }
    }
}

/// <summary>What training found.</summary>
/// <param name="Tokens">Spellings in <see cref="ByteAlphabet"/> by id: special tokens, bytes, merges.</param>
/// <param name="Merges">Pairs of ids, in the order of their merging.</param>
/// <param name="Counts">How often each pair stood in the texts when it was merged.</param>
internal sealed record TrainedMerges(IReadOnlyList<string> Tokens, IReadOnlyList<(int Left, int Right)> Merges, IReadOnlyList<long> Counts);

/// <summary>
/// Trains a byte-level BPE tokenizer: the texts are cut into words by GPT-2's pattern, and each step merges the most frequent adjacent pair
/// (of equally frequent ones that of the smallest ids) until the vocabulary is full. The result depends on nothing but texts and options.
/// </summary>
public static class BytePairTrainer
{
    /// <summary>Trains on texts; each is cut into words by itself.</summary>
    /// <exception cref="InputException">The options do not fit together.</exception>
    public static Tokenizer Train(IEnumerable<string> texts, BytePairTrainerOptions options) =>
        TrainedTokenizerFiles.Create(FindMerges(texts, options), options);

    /// <summary>The merges alone.</summary>
    internal static TrainedMerges FindMerges(IEnumerable<string> texts, BytePairTrainerOptions options)
    {
        options.Validate();
        List<string> tokens = [.. options.SpecialTokens, .. ByteAlphabet.InCodePointOrder().Select(character => character.ToString())];
        var words = new WordPairs(CountWords(texts), character => options.SpecialTokens.Count + ByteRank[character]);
        var merges = new List<(int Left, int Right)>();
        var counts = new List<long>();
        var merged = new HashSet<(int Left, int Right)>();
        var ids = tokens.Select((token, id) => (token, id)).ToDictionary(pair => pair.token, pair => pair.id);
        while (tokens.Count < options.VocabularySize && words.MostFrequent() is { } best && best.Count >= Math.Max(1, options.MinimumFrequency))
        {
            // Two pairs can spell the same token ("a" "bc" and "ab" "c"); it keeps its id.
            var spelling = tokens[best.Left] + tokens[best.Right];
            if (ids.TryAdd(spelling, tokens.Count))
            {
                tokens.Add(spelling);
            }
            else if (ids[spelling] < options.SpecialTokens.Count)
            {
                throw new InputException($"tokenizer training: the special token \"{spelling}\" is also a frequent word of the texts; choose another");
            }

            words.Merge(best.Left, best.Right, ids[spelling]);
            if (merged.Add((best.Left, best.Right)))
            {
                merges.Add((best.Left, best.Right));
                counts.Add(best.Count);
            }
        }

        return new TrainedMerges(tokens, merges, counts);
    }

    private static readonly Dictionary<char, int> ByteRank =
        ByteAlphabet.InCodePointOrder().Select((character, rank) => (character, rank)).ToDictionary(pair => pair.character, pair => pair.rank);

    private static Dictionary<string, long> CountWords(IEnumerable<string> texts)
    {
        var counts = new Dictionary<string, long>();
        var bySpan = counts.GetAlternateLookup<ReadOnlySpan<char>>();
        var pattern = new Gpt2Pattern();
        var matches = new List<(int Start, int Length)>();
        foreach (var text in texts)
        {
            matches.Clear();
            pattern.FindAll(text, matches);
            foreach (var (start, length) in matches)
            {
                CollectionsMarshal.GetValueRefOrAddDefault(bySpan, text.AsSpan(start, length), out _)++;
            }
        }

        return counts;
    }
}
