using System.Runtime.ExceptionServices;
using System.Runtime.InteropServices;

namespace Rlhf.Compute.Cpu.Threads;

/// <summary>
/// A fixed set of threads that share out the parts of one kernel call. What a part is depends on the work alone, never on the number of
/// threads, and every output belongs to one part: so the results are the same bits for any number of threads. Idle threads look for work for
/// some microseconds, then sleep.
/// </summary>
internal sealed unsafe class WorkerPool : IDisposable
{
    /// <summary>The environment variable that sets the number of threads.</summary>
    public const string Variable = "RLHF_THREADS";

    private const int SpinRounds = 60; // about ten microseconds, the price of a sleep and a wake
    private readonly Worker[] _workers;
    private readonly float** _scratch;
    private long _scratchLength;
    private readonly SemaphoreSlim _finished = new(0);
    private delegate*<void*, int, int, void> _work;
    private void* _arguments;
    private int _parts;
    private long _ticket; // number of the job (high half) and its next part (low half)
    private int _done;
    private int _callerSleeps;
    private Exception? _failure;
    private volatile bool _stop;

    public WorkerPool(int threads)
    {
        ArgumentOutOfRangeException.ThrowIfLessThan(threads, 1);
        Threads = threads;
        _scratch = (float**)NativeMemory.AllocZeroed((nuint)threads, (nuint)sizeof(float*));
        _workers = [.. Enumerable.Range(1, threads - 1).Select(i => new Worker(this, i))];
    }

    /// <summary>How many threads work, the calling one included.</summary>
    public int Threads { get; }

    /// <summary><see cref="Variable"/>, or one thread for each core.</summary>
    public static int ChooseThreads()
    {
        if (Environment.GetEnvironmentVariable(Variable) is not { Length: > 0 } text)
        {
            return Environment.ProcessorCount;
        }

        return int.TryParse(text, out var threads) && threads is >= 1 and <= 1024
            ? threads
            : throw new InputException($"{Variable}={text}: expected a number of threads from 1 to 1024.");
    }

    /// <summary>A pointer for each worker to at least <paramref name="floats"/> numbers of its own, to be asked for before <see cref="Run"/>.</summary>
    public float** Scratch(long floats)
    {
        if (floats > _scratchLength)
        {
            FreeScratch();
            var length = Math.Max(floats, 1 << 16);
            for (var i = 0; i < Threads; i++)
            {
                _scratch[i] = (float*)NativeMemory.AlignedAlloc(checked((nuint)length * sizeof(float)), 64);
            }

            _scratchLength = length;
        }

        return _scratch;
    }

    /// <summary>As the other, with a pointer to a copy of the arguments.</summary>
    public void Run<TArguments>(delegate*<void*, int, int, void> work, TArguments arguments, int parts)
        where TArguments : unmanaged => Run(work, &arguments, parts);

    /// <summary>
    /// Calls <paramref name="work"/>(arguments, part, worker) for every part in [0, <paramref name="parts"/>) and returns when all are done. What a part throws
    /// is thrown here.
    /// </summary>
    public void Run(delegate*<void*, int, int, void> work, void* arguments, int parts)
    {
        if (Threads == 1 || parts <= 1)
        {
            for (var part = 0; part < parts; part++)
            {
                work(arguments, part, 0);
            }

            return;
        }

        // A worker that comes late to the last job must not take a part of it with this job's fields: close that job first.
        var job = (Volatile.Read(ref _ticket) >> 32) + 1;
        Interlocked.Exchange(ref _ticket, ((job - 1) << 32) | int.MaxValue);
        _work = work;
        _arguments = arguments;
        _parts = parts;
        _done = 0;
        Volatile.Write(ref _ticket, job << 32);
        for (var i = 0; i < Math.Min(_workers.Length, parts - 1); i++)
        {
            _workers[i].Wake();
        }

        TakeParts(job, 0);
        WaitUntilDone(parts);
        if (_failure is not null)
        {
            var failure = _failure;
            _failure = null;
            ExceptionDispatchInfo.Throw(failure);
        }
    }

    public void Dispose()
    {
        _stop = true;
        foreach (var worker in _workers)
        {
            worker.Dispose();
        }

        FreeScratch();
        NativeMemory.Free(_scratch);
        _finished.Dispose();
    }

    private void FreeScratch()
    {
        for (var i = 0; i < Threads; i++)
        {
            NativeMemory.AlignedFree(_scratch[i]);
            _scratch[i] = null;
        }

        _scratchLength = 0;
    }

    /// <summary>Takes parts of <paramref name="job"/> until none is left or another job has begun.</summary>
    private void TakeParts(long job, int worker)
    {
        // Read before the ticket is taken: a taken ticket of this job proves that they belonged to it, because they change only after it is closed.
        var work = _work;
        var arguments = _arguments;
        var parts = _parts;
        while (true)
        {
            var ticket = Volatile.Read(ref _ticket);
            var part = (int)ticket;
            if (ticket >> 32 != job || part >= parts)
            {
                return;
            }

            if (Interlocked.CompareExchange(ref _ticket, ticket + 1, ticket) != ticket)
            {
                continue;
            }

            try
            {
                work(arguments, part, worker);
            }
#pragma warning disable CA1031 // Whatever a kernel throws must reach the caller's thread.
            catch (Exception failure)
#pragma warning restore CA1031
            {
                _failure = failure;
            }

            if (Interlocked.Increment(ref _done) == parts && Interlocked.CompareExchange(ref _callerSleeps, 0, 1) == 1)
            {
                _finished.Release();
            }
        }
    }

    private void WaitUntilDone(int parts)
    {
        for (var round = 0; round < SpinRounds; round++)
        {
            if (Volatile.Read(ref _done) == parts)
            {
                return;
            }

            Thread.SpinWait(20);
        }

        // The last part of the job before may wake the caller late, hence the loop.
        while (true)
        {
            Interlocked.Exchange(ref _callerSleeps, 1);
            var done = Volatile.Read(ref _done) == parts;
            if (done && Interlocked.CompareExchange(ref _callerSleeps, 0, 1) == 1)
            {
                return;
            }

            _finished.Wait();
            if (Volatile.Read(ref _done) == parts)
            {
                return;
            }
        }
    }

    private sealed class Worker : IDisposable
    {
        private readonly WorkerPool _pool;
        private readonly int _index;
        private readonly Thread _thread;
        private readonly SemaphoreSlim _wake = new(0);
        private int _sleeps;

        public Worker(WorkerPool pool, int index)
        {
            _pool = pool;
            _index = index;
            _thread = new Thread(Loop) { IsBackground = true, Name = $"rlhf worker {index}" };
            _thread.Start();
        }

        public void Wake()
        {
            if (Interlocked.CompareExchange(ref _sleeps, 0, 1) == 1)
            {
                _wake.Release();
            }
        }

        public void Dispose()
        {
            while (!_thread.Join(1))
            {
                Wake();
            }

            _wake.Dispose();
        }

        private void Loop()
        {
            var seen = 0L;
            while (true)
            {
                var job = WaitForJob(seen);
                if (_pool._stop)
                {
                    return;
                }

                seen = job;
                _pool.TakeParts(job, _index);
            }
        }

        private long WaitForJob(long seen)
        {
            while (true)
            {
                for (var round = 0; round < SpinRounds; round++)
                {
                    var job = Volatile.Read(ref _pool._ticket) >> 32;
                    if (job != seen || _pool._stop)
                    {
                        return job;
                    }

                    Thread.SpinWait(20);
                }

                Interlocked.Exchange(ref _sleeps, 1);
                var nothingNew = Volatile.Read(ref _pool._ticket) >> 32 == seen && !_pool._stop;
                if (nothingNew || Interlocked.CompareExchange(ref _sleeps, 0, 1) == 0)
                {
                    _wake.Wait();
                }
            }
        }
    }
}
