using Rlhf.Model;

namespace Rlhf.Sampling;

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
        Statistics = new GenerationStatistics(1 + (others?.Count ?? 0));
        _batch = new GenerationBatch(decoder, others: others);
        _batch.Reserve(slots, capacity);
        _thread = new Thread(Work) { IsBackground = true, Name = "generation" };
        _thread.Start();
    }

    /// <summary>Tokens of prompt and answer together at most.</summary>
    public int Capacity { get; }

    /// <summary>What it has done so far.</summary>
    public GenerationStatistics Statistics { get; }

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
            if (!request.Fits(Capacity))
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
            Array.ForEach(jobs, Statistics.Submitted);
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
                Statistics.Left(job, FinishReason.Abort);
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
                var before = _batch.Rows;
                _batch.Step(_rowBudget);
                Statistics.Passed(_batch.Rows - before);
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
                    Statistics.Joined(job);
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

            foreach (var job in _live.Where(job => job.Sequence!.HasDrawn || job.Sequence.IsDone).ToArray())
            {
                var sequence = job.Sequence!;
                job.PromptScores ??= sequence.PromptScores;
                if (sequence.HasDrawn)
                {
                    var top = job.Request.TopLogProbabilities > 0 ? sequence.Top[^1] : [];
                    Statistics.Drawn(job);
                    job.Publish(new DrawnToken(sequence.Response[^1], sequence.LogProbabilities[^1], top, sequence.Finished, sequence.IsComplete));
                }

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
        var ended = job.Sequence!.Finished || job.Sequence.IsComplete ? FinishReason.Stop : FinishReason.Length;
        Statistics.Left(job, failure is null ? ended : job.CancelReason);
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
