using System.Buffers;
using System.Text;
using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>A token that is cut out of the text before anything else happens to it.</summary>
/// <param name="Id">Its id.</param>
/// <param name="Content">The text that it stands for.</param>
/// <param name="IsSpecial">Left out when decoding for people.</param>
/// <param name="IsNormalized">Searched in the normalized text instead of the raw text.</param>
/// <param name="SingleWord">Only where no word character touches it.</param>
/// <param name="TakesSpaceBefore">The white space in front belongs to it (lstrip).</param>
/// <param name="TakesSpaceAfter">The white space behind belongs to it (rstrip).</param>
internal sealed record AddedToken(
    int Id, string Content, bool IsSpecial, bool IsNormalized = false, bool SingleWord = false, bool TakesSpaceBefore = false, bool TakesSpaceAfter = false)
{
    /// <summary>Reads one entry of <c>added_tokens</c>, or of <c>added_tokens_decoder</c>, whose keys are the ids.</summary>
    public static AddedToken FromJson(PlacedJson json, int? id = null)
    {
        json.AllowOnly("id", "content", "single_word", "lstrip", "rstrip", "normalized", "special");
        var content = json["content"].Text();
        if (content.Length is 0 or > Limits.AddedToken)
        {
            throw json.Refuse(FormattableString.Invariant($"an added token has 1 to {Limits.AddedToken} characters, this one {content.Length}"));
        }

        return new AddedToken(
            id ?? json["id"].Integer(Limits.TokenId), content, json["special"].Boolean(false), json["normalized"].Boolean(false),
            json["single_word"].Boolean(false), json["lstrip"].Boolean(false), json["rstrip"].Boolean(false));
    }
}

/// <summary>Cuts added tokens out of a text: the leftmost first, of those the longest.</summary>
internal sealed class AddedTokenMatcher
{
    // A trie: node 0 is the root, (node, next character) leads on, _ends says which token ends at a node.
    private readonly Dictionary<(int Node, char Next), int> _edges = [];
    private readonly Dictionary<int, AddedToken> _ends = [];
    private readonly SearchValues<char> _firstCharacters;

    /// <summary>Prepares the search for tokens that are spelled in the text as <paramref name="spell"/> says.</summary>
    public AddedTokenMatcher(IEnumerable<AddedToken> tokens, Func<string, string> spell)
    {
        var nodes = 1;
        var first = new HashSet<char>();
        foreach (var token in tokens)
        {
            var node = 0;
            var spelling = spell(token.Content);
            if (spelling.Length == 0)
            {
                continue;
            }

            first.Add(spelling[0]);
            foreach (var next in spelling)
            {
                if (!_edges.TryGetValue((node, next), out var child))
                {
                    _edges.Add((node, next), child = nodes++);
                }

                node = child;
            }

            _ends[node] = token;
        }

        _firstCharacters = SearchValues.Create([.. first]);
    }

    /// <summary>The text's parts in order: text between tokens (never empty), and tokens.</summary>
    public IEnumerable<(int Start, int Length, AddedToken? Token)> Cut(string text)
    {
        var free = 0;
        for (var position = 0; Next(text, position) is { } found; position = found.Start + found.Length)
        {
            var (start, length, token) = found;
            var end = start + length;
            if (token.SingleWord && (EndsWithWord(text.AsSpan(0, start)) || StartsWithWord(text.AsSpan(end))))
            {
                continue;
            }

            if (token.TakesSpaceBefore)
            {
                start = Math.Max(free, text.AsSpan(0, start).TrimEnd().Length);
            }

            if (token.TakesSpaceAfter)
            {
                end = text.Length - text.AsSpan(end).TrimStart().Length;
            }

            start = Math.Max(free, start);
            if (start > free)
            {
                yield return (free, start - free, null);
            }

            yield return (start, end - start, token);
            free = end;
        }

        if (free < text.Length)
        {
            yield return (free, text.Length - free, null);
        }
    }

    private (int Start, int Length, AddedToken Token)? Next(string text, int from)
    {
        for (int offset; (offset = text.AsSpan(from).IndexOfAny(_firstCharacters)) >= 0; from++)
        {
            from += offset;
            if (LongestAt(text, from) is { } found)
            {
                return (from, found.Length, found.Token);
            }
        }

        return null;
    }

    private (int Length, AddedToken Token)? LongestAt(string text, int start)
    {
        (int, AddedToken)? longest = null;
        for (int position = start, node = 0; position < text.Length && _edges.TryGetValue((node, text[position]), out node); position++)
        {
            if (_ends.TryGetValue(node, out var token))
            {
                longest = (position + 1 - start, token);
            }
        }

        return longest;
    }

    private static bool EndsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeLastFromUtf16(text, out var rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);

    private static bool StartsWithWord(ReadOnlySpan<char> text) =>
        Rune.DecodeFromUtf16(text, out var rune, out _) == OperationStatus.Done && CharacterClasses.IsWord(rune);
}
