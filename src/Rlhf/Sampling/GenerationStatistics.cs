using System.Diagnostics;

namespace Rlhf.Sampling;

/// <summary>Why an answer ended.</summary>
public enum FinishReason
{
    /// <summary>By itself.</summary>
    Stop,

    /// <summary>At its limit of tokens.</summary>
    Length,

    /// <summary>Who asked has left, or it failed.</summary>
    Abort,
}

/// <summary>What a <see cref="GenerationWorker"/> has done since it started, for each of its models. Written by the worker, read by anybody.</summary>
/// <param name="models">How many models it generates with.</param>
public sealed class GenerationStatistics(int models)
{
    private static readonly double[] Seconds = [0.001, 0.005, 0.01, 0.02, 0.04, 0.06, 0.08, 0.1, 0.25, 0.5, 0.75, 1, 2.5, 5, 7.5, 10, 20, 40, 80, 160];
    private static readonly double[] LongSeconds = [0.1, 0.3, 0.5, 0.8, 1, 1.5, 2, 2.5, 5, 10, 15, 20, 30, 40, 50, 60, 120, 240, 480, 960];
    private static readonly double[] Tokens = [1, 2, 5, 10, 20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000, 20_000, 50_000, 100_000];

    /// <summary>Of each model, by its number.</summary>
    public IReadOnlyList<ModelStatistics> Models { get; } = [.. Enumerable.Range(0, models).Select(_ => new ModelStatistics())];

    /// <summary>Rows of each pass: tokens of prompts and drawn ones of all models together.</summary>
    public Histogram PassTokens { get; } = new([1, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096]);

    internal void Submitted(GenerationJob job)
    {
        var now = Stopwatch.GetTimestamp();
        job.Times = (now, now, now);
        Of(job).Add(ref Of(job).WaitingCount, 1);
    }

    internal void Joined(GenerationJob job)
    {
        var now = Stopwatch.GetTimestamp();
        job.Times = job.Times with { Joined = now, Drawn = now };
        var own = Of(job);
        own.Add(ref own.WaitingCount, -1);
        own.Add(ref own.RunningCount, 1);
        own.QueueTime.Add(Stopwatch.GetElapsedTime(job.Times.Asked, now).TotalSeconds);
    }

    internal void Drawn(GenerationJob job)
    {
        var (now, own) = (Stopwatch.GetTimestamp(), Of(job));
        if (job.Sequence!.Response.Length == 1)
        {
            own.TimeToFirstToken.Add(Stopwatch.GetElapsedTime(job.Times.Asked, now).TotalSeconds);
        }
        else
        {
            own.InterTokenLatency.Add(Stopwatch.GetElapsedTime(job.Times.Drawn, now).TotalSeconds);
        }

        own.Add(ref own.GeneratedCount, 1);
        job.Times = job.Times with { Drawn = now };
    }

    internal void Passed(long rows)
    {
        if (rows > 0)
        {
            PassTokens.Add(rows);
        }
    }

    internal void Left(GenerationJob job, FinishReason reason)
    {
        var own = Of(job);
        own.Add(ref job.Sequence is null ? ref own.WaitingCount : ref own.RunningCount, -1);
        own.Add(ref own.Finished[(int)reason], 1);
        if (job.Sequence is { } sequence)
        {
            own.Add(ref own.PromptCount, Math.Min(sequence.Fed, sequence.Request.Prompt.Length));
            own.PromptTokens.Add(sequence.Request.Prompt.Length);
            own.GeneratedTokens.Add(sequence.Response.Length);
            own.Latency.Add(Stopwatch.GetElapsedTime(job.Times.Asked).TotalSeconds);
        }
    }

    private ModelStatistics Of(GenerationJob job) => Models[job.Request.Model];

    /// <summary>What was done with one model.</summary>
    public sealed class ModelStatistics
    {
        internal long RunningCount, WaitingCount, PromptCount, GeneratedCount;
        internal readonly long[] Finished = new long[3];

        /// <summary>Answers that are being generated.</summary>
        public long Running => Interlocked.Read(ref RunningCount);

        /// <summary>Answers that wait for a place.</summary>
        public long Waiting => Interlocked.Read(ref WaitingCount);

        /// <summary>Tokens of the prompts of answers that have ended.</summary>
        public long Prompt => Interlocked.Read(ref PromptCount);

        /// <summary>Tokens drawn.</summary>
        public long Generated => Interlocked.Read(ref GeneratedCount);

        /// <summary>From the request to its first token.</summary>
        public Histogram TimeToFirstToken { get; } = new(Seconds);

        /// <summary>From a token to the next one.</summary>
        public Histogram InterTokenLatency { get; } = new(Seconds);

        /// <summary>From the request to the end of its answer.</summary>
        public Histogram Latency { get; } = new(LongSeconds);

        /// <summary>From the request to its place.</summary>
        public Histogram QueueTime { get; } = new(LongSeconds);

        /// <summary>Tokens of each prompt.</summary>
        public Histogram PromptTokens { get; } = new(Tokens);

        /// <summary>Tokens of each answer.</summary>
        public Histogram GeneratedTokens { get; } = new(Tokens);

        /// <summary>Answers that ended so.</summary>
        public long FinishedBy(FinishReason reason) => Interlocked.Read(ref Finished[(int)reason]);

        internal void Add(ref long count, long number) => Interlocked.Add(ref count, number);
    }
}
