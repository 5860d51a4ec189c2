using System.Threading.Channels;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary>A token of an answer as the API tells of it.</summary>
/// <param name="Drawn">The token.</param>
/// <param name="Start">Where its text starts in the answer, in characters.</param>
/// <param name="IsFirst">Whether it is the first token of an echoed prompt.</param>
internal sealed record AnswerToken(DrawnToken Drawn, int Start, bool IsFirst = false);

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
    public static IReadOnlyList<GenerationJob> Begin(
        ServedLanguageModel model, IReadOnlyList<CompletionPrompt> prompts, AnswerSettings settings, string parameter)
    {
        var requests = new List<GenerationRequest>();
        foreach (var prompt in prompts.Select(static prompt => prompt.Ids))
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
                    Changes = settings.Changes,
                    Grammar = settings.Grammar,
                    ScoresPrompt = settings.ScoresPrompt,
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
    /// <param name="jobs">The answers.</param>
    /// <param name="readers">How each is read.</param>
    /// <param name="cancellation">Ends them all.</param>
    public static async IAsyncEnumerable<AnswerPiece> Pieces(
        IReadOnlyList<GenerationJob> jobs, IReadOnlyList<AnswerReader> readers,
        [System.Runtime.CompilerServices.EnumeratorCancellation] CancellationToken cancellation)
    {
        var pieces = Channel.CreateUnbounded<AnswerPiece>(new UnboundedChannelOptions { SingleReader = true });
        using var left = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        try
        {
            var reading = Task.WhenAll(readers.Select(reader => reader.Read(pieces.Writer, left.Token)));
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
}
