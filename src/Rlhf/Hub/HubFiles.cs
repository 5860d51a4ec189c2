using System.Collections.Concurrent;

namespace Rlhf.Hub;

/// <summary>A file of the hub on this machine.</summary>
/// <param name="Name">Its name with the commit: <c>hf://datasets/org/name@COMMIT/data/train.parquet</c>.</param>
/// <param name="Path">Where it is.</param>
public sealed record HubCopy(string Name, string Path);

/// <summary>
/// Names of the hub where a path can stand: what is named is fetched when it is first read, and stays the same for the rest of the process. Who runs a program
/// says once who hears of it.
/// </summary>
public static class HubFiles
{
    private const int MostNames = 12;

    private static readonly AsyncLocal<HubAccess?> Chosen = new();
    private static readonly ConcurrentDictionary<(HubSettings, string), Lazy<object>> Known = new();

    /// <summary>How names are looked up from here on, and in what is called from here.</summary>
    public static HubAccess Access
    {
        get => Chosen.Value ?? new HubAccess(HubSettings.FromEnvironment());
        set => Chosen.Value = value;
    }

    /// <summary>Where a model is: a path stays as it is; a name becomes the folder or file that it means.</summary>
    /// <param name="name">A path, or a name on the hub.</param>
    /// <param name="withWeights">False where the settings and the tokenizer are enough.</param>
    /// <exception cref="InputException">The hub has no such model, or may not give it.</exception>
    /// <exception cref="RunFailedException">The hub cannot be asked, or the disk refuses.</exception>
    public static string Model(string name, bool withWeights = true) => HubName.Find(name) is { } found
        ? Once($"{found.Full} model {withWeights}", (client, cancellation) => client.Model(RequireModel(found), withWeights, cancellation))
        : name;

    /// <summary>A name with the commit that it means now.</summary>
    /// <inheritdoc cref="Model" path="/exception"/>
    public static HubName Pinned(HubName name) =>
        Once($"{name.WithoutFile.Full} commit", (client, cancellation) => client.Pin(name.WithoutFile, cancellation)) with { File = name.File, Subset = name.Subset, Split = name.Split };

    /// <summary>The data files that a name means, in the order of their names; null for a path.</summary>
    /// <param name="name">A path, or a name on the hub with a file or a glob.</param>
    /// <param name="folder">What paths are seen from.</param>
    /// <inheritdoc cref="Model" path="/exception"/>
    public static IReadOnlyList<HubCopy>? Data(string name, string folder = ".")
    {
        if (HubName.FindData(name, folder) is not { } found)
        {
            return null;
        }

        return Once($"{found.Full} data", async (client, cancellation) =>
        {
            if (found.Subset is not null || found.Split is not null)
            {
                return Copies(await client.SplitFiles(found, cancellation).ConfigureAwait(false));
            }

            if (found.File is null)
            {
                throw NoFileNamed(found, await client.FilesOf(found, cancellation).ConfigureAwait(false));
            }

            return Copies(await client.Files(found.WithoutFile, [found.File], cancellation).ConfigureAwait(false));
        });
    }

    private static IReadOnlyList<HubCopy> Copies(HubSnapshot snapshot) =>
        [.. snapshot.Files.Select(file => new HubCopy((snapshot.Name with { File = file.Path }).Full, snapshot.PathOf(file)))];

    private static HubName RequireModel(HubName name) => name.Kind == HubKind.Model
        ? name
        : throw new InputException($"{name}: this is a data set, and a model is needed here.");

    private static InputException NoFileNamed(HubName name, IReadOnlyList<HubFile> files)
    {
        var start = name.Full;
        var data = files.Select(static file => file.Path).Where(static path => path is not (".gitattributes" or "README.md")).Order(StringComparer.Ordinal).ToArray();
        return new InputException(
            $"{start}: this names a whole repository; name a split of it ({start}?split=train), or files: {string.Join(", ", data.Take(MostNames).Select(path => $"{start}/{path}"))}{(data.Length > MostNames ? " and more" : "")}.");
    }

    // What a name means does not change under a run, and the hub is asked once. A failure is no answer: the next one asks again.
    private static T Once<T>(string what, Func<HubClient, CancellationToken, Task<T>> ask) where T : class
    {
        var access = Access;
        var key = (access.Settings, what);
        try
        {
            return (T)Known.GetOrAdd(key, _ => new Lazy<object>(() =>
            {
                using var client = new HubClient(access.Settings, access.Progress);
                return ask(client, access.Cancellation).GetAwaiter().GetResult();
            })).Value;
        }
        catch
        {
            _ = Known.TryRemove(key, out _);
            throw;
        }
    }
}

/// <summary>How names of the hub are looked up.</summary>
/// <param name="Settings">Which hub and which cache.</param>
/// <param name="Progress">Hears of downloads; null: nobody.</param>
/// <param name="Cancellation">Ends a download; what came is kept.</param>
public sealed record HubAccess(HubSettings Settings, IHubProgress? Progress = null, CancellationToken Cancellation = default);
