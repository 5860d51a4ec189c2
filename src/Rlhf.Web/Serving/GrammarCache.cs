using Rlhf.Text;
using Rlhf.Text.Grammars;

namespace Rlhf.Web.Serving;

/// <summary>The grammars that a model's last requests asked for, with what was found out about them. Safe for use from several threads.</summary>
internal sealed class GrammarCache(Tokenizer tokenizer, int vocabulary, IReadOnlyList<int> ends)
{
    private const int Most = 8;

    private readonly Lock _gate = new();
    private readonly Lazy<TokenTable> _table = new(() => new TokenTable(tokenizer, vocabulary));
    private readonly List<(string Schema, TokenGrammar Grammar)> _last = []; // newest last

    /// <summary>The grammar of a format; null where it is none.</summary>
    /// <exception cref="ApiException">Its schema is wrong, too large, or says what is not supported.</exception>
    public TokenGrammar? Of(ResponseFormat? format)
    {
        if (format is null)
        {
            return null;
        }

        var schema = format.Schema?.GetRawText() ?? "";
        lock (_gate)
        {
            var found = _last.FindIndex(each => each.Schema == schema);
            var grammar = found >= 0 ? _last[found].Grammar : Make(format);
            if (found >= 0 || _last.Count == Most)
            {
                _last.RemoveAt(Math.Max(0, found));
            }

            _last.Add((schema, grammar));
            return grammar;
        }
    }

    private TokenGrammar Make(ResponseFormat format)
    {
        try
        {
            return format.Schema is { } schema ? TokenGrammar.OfSchema(_table.Value, ends, schema) : TokenGrammar.OfObjects(_table.Value, ends);
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid($"Invalid value for '{ResponseFormat.Name}': {exception.Message}", ResponseFormat.Name, "invalid_value");
        }
    }
}
