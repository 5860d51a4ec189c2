using System.Threading.Channels;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary>A token of an answer as the API tells of it.</summary>
/// <param name="Drawn">The token.</param>
/// <param name="Start">Where its text starts in the answer, in characters.</param>
internal sealed record AnswerToken(DrawnToken Drawn, int Start);

/// <summary>The next piece of one of the answers to a request.</summary>
/// <param name="Choice">Which answer.</param>
/// <param name="Text">Text that is certain; maybe empty.</param>
/// <param name="Tokens">The tokens whose text begins in it.</param>
/// <param name="Drawn">Tokens that the piece took, those of no text included.</param>
/// <param name="FinishReason">In the last piece of an answer: <c>stop</c> or <c>length</c>.</param>
internal sealed record AnswerPiece(int Choice, string Text, IReadOnlyList<AnswerToken> Tokens, int Drawn, string? FinishReason);

/// <summary>Generates the answers to one request.</summary>
internal static class Answers
{
    /// <summary>
    /// Asks the model's worker for all answers of a request: to each prompt as many as the settings say. Thrown are a context that is too small and a queue
    /// that is full; then
    /// nothing was begun.
    /// </summary>
    public static IReadOnlyList<GenerationJob> Begin(ServedLanguageModel model, IReadOnlyList<int[]> prompts, AnswerSettings settings, string parameter)
    {
        var requests = new List<GenerationRequest>();
        foreach (var prompt in prompts)
        {
            var room = model.Worker.Capacity - prompt.Length;
            if (room < (settings.MaxTokens ?? 1))
            {
                throw ApiException.Invalid(FormattableString.Invariant(
                    $"This model's maximum context length is {model.Worker.Capacity} tokens. However, you requested {prompt.Length + (settings.MaxTokens ?? 1)} tokens ({prompt.Length} in the {parameter}, {settings.MaxTokens ?? 1} in the completion). Please reduce the length of the {parameter}{(settings.MaxTokens > 1 ? " or the completion" : "")}."),
                    parameter, "context_length_exceeded");
            }

            for (var i = 0; i < settings.Choices; i++)
            {
                requests.Add(new GenerationRequest
                {
                    Prompt = prompt,
                    Model = model.Number,
                    Sampling = settings.Sampling,
                    MaxNewTokens = settings.MaxTokens ?? room,
                    EndIds = model.Encoder.EndIds,
                    Seed = settings.Seed,
                    Row = (uint)requests.Count,
                    TopLogProbabilities = settings.TopLogProbabilities ?? 0,
                });
            }
        }

        return model.Worker.TrySubmit(requests) ?? throw ApiException.Busy();
    }

    /// <summary>The pieces of all answers as they come. Whoever stops listening, by <paramref name="cancellation"/> or by leaving the loop, gives the places
    /// free.</summary>
    public static async IAsyncEnumerable<AnswerPiece> Pieces(
        ServedLanguageModel model, IReadOnlyList<GenerationJob> jobs, AnswerSettings settings, bool isChat,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var pieces = Channel.CreateUnbounded<AnswerPiece>(new UnboundedChannelOptions { SingleReader = true });
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            var reading =
                Task.WhenAll(
                    jobs.Select(
                        (job, choice) => Read(
                            choice, job, new AnswerText(model.Tokenizer, job.Request.Prompt, settings.Stops, isChat), pieces.Writer, left.Token)));
            _ = reading.ContinueWith(done => pieces.Writer.TryComplete(done.Exception?.GetBaseException()), CancellationToken.None,
                TaskContinuationOptions.ExecuteSynchronously, TaskScheduler.Default);
            await foreach (var piece in pieces.Reader.ReadAllAsync(cancellation))
            {
                yield return piece;
            }
        }
        finally
        {
            await left.CancelAsync();
            foreach (var job in jobs)
            {
                job.Cancel();
            }
        }
    }

    private static async Task Read(int choice, GenerationJob job, AnswerText text, ChannelWriter<AnswerPiece> pieces, CancellationToken cancellation)
    {
        var held = new Queue<AnswerToken>();
        var drawn = 0;
        var ended = false;
        await foreach (var token in job.Tokens.ReadAllAsync(cancellation))
        {
            drawn++;
            if (token.Ends)
            {
                ended = true;
                continue;
            }

            held.Enqueue(new AnswerToken(token, text.Known));
            var certain = text.Append(token.Id);
            if (text.Stopped)
            {
                job.Cancel();
                pieces.TryWrite(new AnswerPiece(choice, certain, TokensBefore(text.Released), drawn, "stop"));
                return;
            }

            var tokens = TokensBefore(text.Released);
            if (certain.Length > 0 || tokens.Count > 0)
            {
                pieces.TryWrite(new AnswerPiece(choice, certain, tokens, drawn, null));
                drawn = 0;
            }
        }

        var rest = text.Flush();
        pieces.TryWrite(
            new AnswerPiece(choice, rest, TokensBefore(text.Stopped ? text.Released : int.MaxValue), drawn, ended || text.Stopped ? "stop" : "length"));

        List<AnswerToken> TokensBefore(int end)
        {
            List<AnswerToken> tokens = [];
            while (held.TryPeek(out var next) && next.Start < end)
            {
                tokens.Add(held.Dequeue());
            }

            return tokens;
        }
    }
}
