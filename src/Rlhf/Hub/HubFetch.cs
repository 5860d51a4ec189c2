using System.Globalization;

namespace Rlhf.Hub;

/// <summary>What a repository has at a commit.</summary>
/// <param name="Name">The repository at the commit.</param>
/// <param name="Files">All of its files; those of the cache where nobody could be asked.</param>
/// <param name="WhyCached">Why the hub was not asked; null where it could be.</param>
/// <param name="IsPart">Whether the list may lack files.</param>
internal sealed record HubListing(HubName Name, IReadOnlyList<HubFile> Files, string? WhyCached, bool IsPart);

/// <summary>Brings files of a listed repository into the cache: looks for room, takes the locks, and lets a file stand under its name when
/// it is whole. Several files come at once.</summary>
internal sealed class HubFetch(HubSettings settings, HubHttp http, HubApi api, IHubProgress progress)
{
    private const int AtOnce = 4; // fills a connection, and a hub that counts requests does not mind it
    private const long SpareBytes = 8L << 20; // lists, links and what others write meanwhile

    /// <summary>Brings those files that are missing.</summary>
    /// <param name="listing">The repository.</param>
    /// <param name="files">Some of its files.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <exception cref="InputException">The hub does not give one of them.</exception>
    /// <exception cref="RunFailedException">The hub does not answer, or the disk refuses.</exception>
    public async Task Run(HubListing listing, IReadOnlyList<HubFile> files, CancellationToken cancellation)
    {
        var (name, cache, commit) = (listing.Name, new HubCache(settings, listing.Name), listing.Name.Revision!);
        HubFile[] missing = [.. files.Where(file => !cache.Has(commit, file))];
        if (missing.Length == 0)
        {
            return;
        }

        HubFile[] toFetch = [.. missing.Where(file => !cache.HasBlob(file)).DistinctBy(static file => file.BlobName)];
        if (toFetch.Length > 0 && (settings.Offline || listing.WhyCached is not null))
        {
            throw new HubErrors(settings).Unreachable(name, Join(listing.WhyCached, $"{toFetch[0].Path} is missing"));
        }

        try
        {
            cache.Prepare();
            RequireSpace(name, toFetch.Sum(file => file.Size - cache.LengthOfIncomplete(file)));
            progress.Begin(name.Repository, toFetch.Sum(static file => file.Size), toFetch.Sum(cache.LengthOfIncomplete));
            try
            {
                await FetchAll(name, cache, missing, cancellation).ConfigureAwait(false);
            }
            finally
            {
                progress.End();
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(settings.Cache, exception);
        }
    }

    // The first failure ends the others; what came of them is kept. Files of one content take one lock, so they follow each other.
    private Task FetchAll(HubName name, HubCache cache, IEnumerable<HubFile> files, CancellationToken cancellation) => Parallel.ForEachAsync(
        files.GroupBy(static file => file.BlobName, StringComparer.Ordinal),
        new ParallelOptions { MaxDegreeOfParallelism = AtOnce, CancellationToken = cancellation },
        async (same, ends) =>
        {
            foreach (var file in same)
            {
                await Obtain(name, cache, file, ends).ConfigureAwait(false);
            }
        });

    private async Task Obtain(HubName name, HubCache cache, HubFile file, CancellationToken cancellation)
    {
        var commit = name.Revision!;
        _ = HubCache.Below(cache.Snapshot(commit), file.Path); // a name that is not safe is refused before its content comes
        using var held = await cache.Lock(file, () => progress.Note($"{file.Path}: another program is fetching it; waiting for it"), cancellation).ConfigureAwait(false);
        if (cache.Has(commit, file))
        {
            progress.Advance(file.Size);
            return;
        }

        var isNew = !cache.HasBlob(file);
        if (isNew)
        {
            try
            {
                await new HubDownload(settings, http, progress).Run(name, file, cache.Incomplete(file), cancellation).ConfigureAwait(false);
            }
            catch (HubRefusal refusal)
            {
                throw await new HubErrors(settings).Of(name, refusal, api, cancellation).ConfigureAwait(false);
            }

            cache.Publish(file);
        }

        cache.Link(commit, file, isNew);
    }

    private void RequireSpace(HubName name, long bytes)
    {
        var free = new DriveInfo(settings.Cache).AvailableFreeSpace;
        if (bytes > 0 && bytes + SpareBytes > free)
        {
            static string Size(long count) => count >= 1 << 30
                ? string.Create(CultureInfo.InvariantCulture, $"{count / 1073741824.0:F1} GiB") : string.Create(CultureInfo.InvariantCulture, $"{count / 1048576.0:F1} MiB");
            throw new RunFailedException(
                $"{name.Repository}: {Size(bytes)} are to be fetched, and the disk of {settings.Cache} has {Size(free)} left. Free some space, or choose another place with HF_HUB_CACHE (rlhf pull: --cache).");
        }
    }

    /// <summary>Two reasons in one.</summary>
    public static string Join(string? why, string what) => string.IsNullOrEmpty(why) ? what : $"{why}; {what}";
}
