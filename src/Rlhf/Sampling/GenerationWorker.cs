using System.Threading.Channels;
using Rlhf.Model;

namespace Rlhf.Sampling;

/// <summary>A token of an answer that is on its way.</summary>
/// <param name="Id">The token.</param>
/// <param name="LogProbability">Its log-probability over the whole vocabulary.</param>
/// <param name="Top">The most probable tokens in its place, best first; empty unless they were asked for.</param>
/// <param name="Ends">Whether it is an end-of-sequence token: the answer ended by itself.</param>
public sealed record DrawnToken(int Id, float LogProbability, IReadOnlyList<TokenProbability> Top, bool Ends);

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

    internal GenerationSequence? Sequence { get; set; }

    internal bool IsCancelled { get; set; }

    /// <summary>The answer is not wanted any more: its place is free after the pass that is running.</summary>
    public void Cancel() => _worker.Cancel(this);

    internal void Publish(DrawnToken token) => _drawn.Writer.TryWrite(token);

    internal void End(Exception? failure = null) => _drawn.Writer.TryComplete(failure);
}

/// <summary>
/// One thread that generates with one model, or several on the same weights, for whoever asks: all live answers go through the model together, new ones join
/// and cancelled ones leave between two passes (continuous batching, Yu et al. 2022, Orca). An answer depends on its own request alone. Safe for use from
/// several threads.
/// </summary>
public sealed class GenerationWorker : IDisposable
{
    private readonly GenerationBatch _batch;
    private readonly int _slots;
    private readonly int _queueLimit;
    private readonly int _rowBudget;
    private readonly Thread _thread;
    private readonly object _gate = new();
    private readonly List<GenerationJob> _waiting = [];
    private readonly List<GenerationJob> _live = [];
    private bool _stopping;
    private bool _isHeld;

    /// <summary>Starts the thread.</summary>
    /// <param name="decoder">The model; nobody else may use it or its device meanwhile.</param>
    /// <param name="slots">Answers that are generated at once.</param>
    /// <param name="capacity">Tokens of prompt and answer together at most.</param>
    /// <param name="queueLimit">Answers that may wait for a place.</param>
    /// <param name="rowBudget">Rows of one pass: the smaller, the less does a long prompt hold up the others.</param>
    /// <param name="others">More models on the same weights, with the numbers 1, 2, ... (<see cref="GenerationRequest.Model"/>): they share places, queue and
    /// passes.</param>
    public GenerationWorker(Decoder decoder, int slots, int capacity, int queueLimit, int rowBudget = 512, IReadOnlyList<Decoder>? others = null)
    {
        (_slots, Capacity, _queueLimit, _rowBudget) = (slots, capacity, queueLimit, Math.Max(rowBudget, slots));
        _batch = new GenerationBatch(decoder, others: others);
        _batch.Reserve(slots, capacity);
        _thread = new Thread(Work) { IsBackground = true, Name = "generation" };
        _thread.Start();
    }

    /// <summary>Tokens of prompt and answer together at most.</summary>
    public int Capacity { get; }

    /// <summary>Answers that are being generated.</summary>
    public int Live
    {
        get
        {
            lock (_gate)
            {
                return _live.Count;
            }
        }
    }

    /// <summary>Answers that wait for a place.</summary>
    public int Waiting
    {
        get
        {
            lock (_gate)
            {
                return _waiting.Count;
            }
        }
    }

    /// <summary>Asks for answers, all or none; null where too many wait already.</summary>
    public IReadOnlyList<GenerationJob>? TrySubmit(IReadOnlyList<GenerationRequest> requests)
    {
        foreach (var request in requests)
        {
            request.Sampling.Validate();
            if (request.Prompt.Length == 0 || request.MaxNewTokens < 1 || request.Prompt.Length + request.MaxNewTokens > Capacity)
            {
                throw new ArgumentException(
                    $"A prompt of {request.Prompt.Length} tokens with {request.MaxNewTokens} new ones does not fit {Capacity}.", nameof(requests));
            }
        }

        GenerationJob[] jobs = [.. requests.Select(request => new GenerationJob(this, request))];
        lock (_gate)
        {
            ObjectDisposedException.ThrowIf(_stopping, this);

            // Those that find a place at once do not wait; of the others not even the first may come behind a full queue.
            if (_waiting.Count >= _queueLimit + _slots - _live.Count)
            {
                return null;
            }

            _waiting.AddRange(jobs);
            Monitor.Pulse(_gate);
        }

        return jobs;
    }

    /// <summary>Cancels every answer and ends the thread.</summary>
    public void Dispose()
    {
        lock (_gate)
        {
            _stopping = true;
            Monitor.Pulse(_gate);
        }

        _thread.Join();
        _batch.Dispose();
    }

    internal void Cancel(GenerationJob job)
    {
        lock (_gate)
        {
            job.IsCancelled = true;
            if (_waiting.Remove(job))
            {
                job.End(new OperationCanceledException());
            }

            Monitor.Pulse(_gate);
        }
    }

    /// <summary>Lets no pass begin, while answers still join and leave; for tests of what happens when a model is slow.</summary>
    internal void Hold(bool isHeld)
    {
        lock (_gate)
        {
            _isHeld = isHeld;
            Monitor.Pulse(_gate);
        }
    }

    private void Work()
    {
        while (Prepare())
        {
            try
            {
                _batch.Step(_rowBudget);
                Publish();
            }
            catch (Exception failure)
            {
                // Whatever it is, who asked must learn of it; the thread goes on for the others.
                EndAll(failure);
            }
        }

        EndAll(new OperationCanceledException("The server is stopping."));
    }

    /// <summary>Between two passes: who has left goes, who waits comes. Sleeps while nobody is there; false to end.</summary>
    private bool Prepare()
    {
        lock (_gate)
        {
            while (true)
            {
                foreach (var job in _live.Where(job => job.IsCancelled).ToArray())
                {
                    Leave(job, new OperationCanceledException());
                }

                while (_waiting.Count > 0 && _batch.HasFree)
                {
                    var job = _waiting[0];
                    _waiting.RemoveAt(0);
                    job.Sequence = _batch.Add(job.Request);
                    _live.Add(job);
                }

                if (_stopping || (_live.Count > 0 && !_isHeld))
                {
                    return !_stopping;
                }

                Monitor.Wait(_gate);
            }
        }
    }

    private void Publish()
    {
        lock (_gate)
        {
            foreach (var job in _live.Where(job => job.Sequence!.Failure is not null).ToArray())
            {
                Leave(job, job.Sequence!.Failure);
            }

            foreach (var job in _live.Where(job => job.Sequence!.HasDrawn).ToArray())
            {
                var sequence = job.Sequence!;
                var top = job.Request.TopLogProbabilities > 0 ? sequence.Top[^1] : [];
                job.Publish(new DrawnToken(sequence.Response[^1], sequence.LogProbabilities[^1], top, sequence.Finished));
                if (sequence.IsDone)
                {
                    Leave(job, failure: null);
                }
            }
        }
    }

    private void Leave(GenerationJob job, Exception? failure)
    {
        _live.Remove(job);
        _batch.Remove(job.Sequence!);
        job.End(failure);
    }

    private void EndAll(Exception failure)
    {
        lock (_gate)
        {
            foreach (var job in _live.ToArray())
            {
                Leave(job, failure);
            }

            // After a failed pass those that wait try their luck; when the worker stops they have none.
            if (_stopping)
            {
                _waiting.ForEach(job => job.End(failure));
                _waiting.Clear();
            }
        }
    }
}
