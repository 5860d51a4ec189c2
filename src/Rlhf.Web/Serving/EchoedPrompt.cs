using Rlhf.Sampling;
using Rlhf.Text;

namespace Rlhf.Web.Serving;

/// <summary>A prompt as token ids, and as the text that it was given as.</summary>
/// <param name="Ids">What the model sees.</param>
/// <param name="Text">As the request has it; null where it has ids.</param>
internal sealed record CompletionPrompt(int[] Ids, string? Text = null);

/// <summary>A prompt that stands in front of its answer.</summary>
internal sealed class EchoedPrompt
{
    private readonly int[] _starts;

    private EchoedPrompt(string text, int[] starts) => (Text, _starts) = (text, starts);

    /// <summary>The text as it was given; that of ids with special tokens by their names.</summary>
    public string Text { get; }

    public static EchoedPrompt Of(Tokenizer tokenizer, CompletionPrompt prompt)
    {
        // A beginning that the tokenizer has put in front of a text is no part of it.
        var added = prompt.Text is { } given && prompt.Ids[0] == tokenizer.BeginningOfSequence && !StartsWithItsName(tokenizer, given, prompt.Ids[0]) ? 1 : 0;
        var decoder = tokenizer.CreateStreamingDecoder(skipSpecialTokens: false);
        var (text, starts) = (new System.Text.StringBuilder(), new int[prompt.Ids.Length]);
        for (var i = added; i < starts.Length; i++)
        {
            starts[i] = text.Length;
            text.Append(decoder.Append(prompt.Ids[i]));
        }

        text.Append(decoder.Flush());
        var shown = prompt.Text ?? text.ToString();
        return new EchoedPrompt(shown, [.. starts.Select(start => Math.Min(start, shown.Length))]);
    }

    /// <summary>The prompt's tokens with their scores; the first has none.</summary>
    public IReadOnlyList<AnswerToken> Tokens(int[] ids, IReadOnlyList<TokenScore> scores) =>
    [
        .. ids.Select((id, i) => i == 0
            ? new AnswerToken(new DrawnToken(id, 0, [], Ends: false), _starts[0], IsFirst: true)
            : new AnswerToken(new DrawnToken(id, scores[i - 1].LogProbability, scores[i - 1].Top, Ends: false), _starts[i])),
    ];

    private static bool StartsWithItsName(Tokenizer tokenizer, string text, int id) =>
        text.StartsWith(System.Text.Encoding.UTF8.GetString(tokenizer.TokenBytes(id)), StringComparison.Ordinal);
}
