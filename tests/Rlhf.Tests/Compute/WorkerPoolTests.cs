using System.Diagnostics;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Cpu.Threads;
using Rlhf.World;

namespace Rlhf.Tests.Compute;

public sealed unsafe class WorkerPoolTests
{
    [Theory]
    [InlineData(1)]
    [InlineData(2)]
    [InlineData(7)]
    public void Every_part_is_done_exactly_once(int threads)
    {
        using var pool = new WorkerPool(threads);
        var counts = new int[500];
        fixed (int* pointer = counts)
        {
            for (var parts = 0; parts <= counts.Length; parts += parts < 20 ? 1 : 60)
            {
                counts.AsSpan().Clear();
                pool.Run(&Count, pointer, parts);
                Assert.Equal(Enumerable.Repeat(1, parts).Concat(Enumerable.Repeat(0, counts.Length - parts)), counts);
            }
        }
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void What_a_part_throws_reaches_the_caller_and_the_pool_lives_on(int threads)
    {
        using var pool = new WorkerPool(threads);
        var counts = new int[10];
        fixed (int* pointer = counts)
        {
            var argument = (nint)pointer;
            Assert.Throws<InvalidDataException>(() => pool.Run(&Fail, (void*)argument, 10));
            counts.AsSpan().Clear();
            pool.Run(&Count, pointer, 10);
        }

        Assert.All(counts, count => Assert.Equal(1, count));
    }

    [Theory]
    [InlineData(1)]
    [InlineData(3)]
    public void Work_of_the_host_is_shared_out_as_well(int threads)
    {
        using var device = CpuDevice.Create(threads);
        var counts = new int[40];
        device.ForEach(counts.Length, (part, thread) =>
        {
            Assert.InRange(thread, 0, device.Threads - 1);
            Interlocked.Increment(ref counts[part]);
        });

        Assert.All(counts, count => Assert.Equal(1, count));
        Assert.Throws<InvalidDataException>(() => device.ForEach(5, (part, _) => throw new InvalidDataException()));
    }

    /// <summary>Jobs of changing sizes one right after the other: a worker that comes late to one must not touch the next.</summary>
    [Fact]
    public void Many_tiny_jobs_on_more_threads_than_cores_end_and_are_right()
    {
        using var pool = new WorkerPool(7);
        var counts = new int[9];
        var clock = Stopwatch.StartNew();
        var jobs = 0;
        fixed (int* pointer = counts)
        {
            // As many as go into some seconds of a busy machine.
            for (; jobs < 100_000 && clock.Elapsed < TimeSpan.FromSeconds(4); jobs++)
            {
                var parts = 2 + (jobs % 8);
                counts.AsSpan().Clear();
                pool.Run(&Count, pointer, parts);
                for (var i = 0; i < counts.Length; i++)
                {
                    Assert.True(counts[i] == (i < parts ? 1 : 0), $"job {jobs}, part {i}: done {counts[i]} times");
                }
            }
        }

        Assert.True(jobs > 1000, $"only {jobs} jobs in {clock.Elapsed}");
    }

    [Fact]
    public void Running_a_job_allocates_nothing()
    {
        using var pool = new WorkerPool(3);
        var counts = new int[64];
        fixed (int* pointer = counts)
        {
            var address = (nint)pointer; // a lambda may not hold the pointer itself
            for (var i = 0; i < 50; i++)
            {
                pool.Run(&Count, pointer, 64);
            }

            Assert.Equal(0, SteadyState.AllocatedBytes(500, () => pool.Run(&Count, (void*)address, 64)));
        }
    }

    [Fact]
    public void Each_worker_has_scratch_of_its_own()
    {
        using var pool = new WorkerPool(3);
        var scratch = pool.Scratch(100_000);
        var pointers = Enumerable.Range(0, 3).Select(i => (long)(nint)scratch[i]).Order().ToArray();
        Assert.All(pointers, pointer => Assert.Equal(0, pointer % 64));
        Assert.True(pointers[1] - pointers[0] >= 400_000 && pointers[2] - pointers[1] >= 400_000);
    }

    private static void Count(void* counts, int part, int worker) => Interlocked.Increment(ref ((int*)counts)[part]);

    private static void Fail(void* counts, int part, int worker)
    {
        if (part == 5)
        {
            throw new InvalidDataException("part five");
        }
    }
}
