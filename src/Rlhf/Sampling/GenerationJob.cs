using System.Threading.Channels;

namespace Rlhf.Sampling;

/// <summary>A token of an answer that is on its way.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Its log-probability over the whole vocabulary.</param>
/// <param name="Top">The most probable tokens in its place, best first; empty unless they were asked for.</param>
/// <param name="Ends">Whether it is an end-of-sequence token: the answer ended by itself.</param>
/// <param name="Completes">Whether nothing can follow it by the answer's grammar.</param>
public sealed record DrawnToken(int Id, float LogProbability, IReadOnlyList<TokenProbability> Top, bool Ends, bool Completes = false);

/// <summary>An answer that a <see cref="GenerationWorker"/> was asked for.</summary>
public sealed class GenerationJob
{
    private readonly GenerationWorker _worker;
    private readonly Channel<DrawnToken> _drawn = Channel.CreateUnbounded<DrawnToken>(new UnboundedChannelOptions { SingleReader = true });

    internal GenerationJob(GenerationWorker worker, GenerationRequest request) => (_worker, Request) = (worker, request);

    /// <summary>What was asked for.</summary>
    public GenerationRequest Request { get; }

    /// <summary>The tokens as they are drawn. Ends with the answer; with <see cref="OperationCanceledException"/> where it was cancelled, with what went wrong
    /// where something did.</summary>
    public ChannelReader<DrawnToken> Tokens => _drawn.Reader;

    /// <summary>Where they were asked for, there before the first token, or at the end where there is none: per token of the prompt but its first.</summary>
    public IReadOnlyList<TokenScore>? PromptScores { get; internal set; }

    internal GenerationSequence? Sequence { get; set; }

    /// <summary>When it was asked for, when it got its place, and when its last token was drawn (<see cref="System.Diagnostics.Stopwatch"/>).</summary>
    internal (long Asked, long Joined, long Drawn) Times { get; set; }

    internal bool IsCancelled { get; set; }

    /// <summary>What counts as the reason where it is cancelled.</summary>
    internal FinishReason CancelReason { get; private set; } = FinishReason.Abort;

    /// <summary>The answer is not wanted any more: its place is free after the pass that is running.</summary>
    /// <param name="reason">Why: <see cref="FinishReason.Stop"/> where a stop text has ended it.</param>
    public void Cancel(FinishReason reason = FinishReason.Abort)
    {
        if (!IsCancelled)
        {
            CancelReason = reason;
        }

        _worker.Cancel(this);
    }

    internal void Publish(DrawnToken token) => _drawn.Writer.TryWrite(token);

    internal void End(Exception? failure = null) => _drawn.Writer.TryComplete(failure);
}
