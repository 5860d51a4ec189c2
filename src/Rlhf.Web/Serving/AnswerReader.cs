using System.Threading.Channels;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary>Makes the tokens of one answer into pieces of text that are certain.</summary>
/// <param name="choice">Which answer.</param>
/// <param name="job">Its tokens.</param>
/// <param name="text">Its text.</param>
/// <param name="echo">The prompt, where it stands in front of the answer; null where it does not.</param>
/// <param name="showsEnd">Whether the token that ends the answer is told as one of its tokens.</param>
internal sealed class AnswerReader(int choice, GenerationJob job, AnswerText text, EchoedPrompt? echo, bool showsEnd)
{
    private readonly Queue<AnswerToken> _held = new();
    private readonly int _offset = echo?.Text.Length ?? 0;
    private int _drawn;

    /// <summary>Writes the pieces; the last one has the reason why the answer ended.</summary>
    public async Task Read(ChannelWriter<AnswerPiece> pieces, CancellationToken cancellation)
    {
        var (ended, echoed) = (false, echo is null);
        await foreach (var token in job.Tokens.ReadAllAsync(cancellation))
        {
            if (!echoed)
            {
                echoed = pieces.TryWrite(Echo());
            }

            _drawn++;
            ended |= token.Ends || token.Completes;
            if (token.Ends)
            {
                if (showsEnd)
                {
                    _held.Enqueue(new AnswerToken(token, _offset + text.Known));
                }

                continue;
            }

            _held.Enqueue(new AnswerToken(token, _offset + text.Known));
            var certain = text.Append(token.Id);
            if (text.Stopped)
            {
                job.Cancel(FinishReason.Stop);
                pieces.TryWrite(new AnswerPiece(choice, certain, TokensBefore(text.Released), _drawn, "stop"));
                return;
            }

            var tokens = TokensBefore(text.Released);
            if (certain.Length > 0 || tokens.Count > 0)
            {
                pieces.TryWrite(new AnswerPiece(choice, certain, tokens, _drawn, null));
                _drawn = 0;
            }
        }

        if (!echoed)
        {
            pieces.TryWrite(Echo());
        }

        var rest = text.Flush();
        pieces.TryWrite(
            new AnswerPiece(choice, rest, TokensBefore(text.Stopped ? text.Released : int.MaxValue), _drawn, ended || text.Stopped ? "stop" : "length"));
    }

    /// <summary>The prompt as a piece; without scores its tokens are not told.</summary>
    private AnswerPiece Echo() => new(choice, echo!.Text, job.Request.ScoresPrompt ? echo.Tokens(job.Request.Prompt, job.PromptScores!) : [], 0, null);

    private List<AnswerToken> TokensBefore(int end)
    {
        List<AnswerToken> tokens = [];
        while (_held.TryPeek(out var next) && next.Start - _offset < end)
        {
            tokens.Add(_held.Dequeue());
        }

        return tokens;
    }
}
