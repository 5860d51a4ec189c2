using Rlhf.Labelers.Store;

namespace LabelLoad;

/// <summary>Looks into the store during the load: rankings and running leases of a prompt together must never exceed the overlap.</summary>
internal static class Auditor
{
    // A lease that ends within this time may have ended before the question reached the store.
    private static readonly TimeSpan Margin = TimeSpan.FromSeconds(2);

    /// <summary>How often it looked, and the most prompts that it found given to too many at once.</summary>
    public static async Task<(int Looks, long OverAssigned)> WatchAsync(string address, CancellationToken stop)
    {
        var store = RankingStore.Open(address);
        var (looks, most) = (0, 0L);
        while (!stop.IsCancellationRequested)
        {
            most = Math.Max(most, store.OverAssigned(Margin));
            looks++;
            await Task.Delay(TimeSpan.FromSeconds(1), stop).ContinueWith(_ => { }, CancellationToken.None, TaskContinuationOptions.None, TaskScheduler.Default);
        }

        return (looks, most);
    }
}
