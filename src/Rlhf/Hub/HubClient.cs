namespace Rlhf.Hub;

/// <summary>Brings files of the hub to this machine, into the cache that Hugging Face's own programs use too; what is there is not fetched again.</summary>
public sealed class HubClient : IDisposable
{
    private const string Card = "README.md";

    private static readonly string[] DataEndings = [".jsonl", ".ndjson", ".json", ".parquet", ".csv", ".tsv", ".tab", ".arrow", ".feather", ".txt"];

    private readonly HubSettings _settings;
    private readonly IHubProgress _progress;
    private readonly HubHttp _http;
    private readonly HubApi _api;
    private readonly HubFetch _fetch;

    /// <summary>A client of a hub.</summary>
    /// <param name="settings">Which hub and which cache.</param>
    /// <param name="progress">Hears how far it is; null: nobody.</param>
    public HubClient(HubSettings settings, IHubProgress? progress = null)
    {
        _settings = settings;
        _progress = progress ?? SilentHubProgress.Instance;
        _http = new HubHttp(settings, _progress);
        _api = new HubApi(settings, _http, _progress);
        _fetch = new HubFetch(settings, _http, _api, _progress);
    }

    /// <summary>The name with the commit that its revision means now; without a network, what it meant last.</summary>
    /// <exception cref="InputException">There is no such repository or revision, or it may not be read.</exception>
    /// <exception cref="RunFailedException">The hub does not answer, and nothing is in the cache.</exception>
    public async Task<HubName> Pin(HubName name, CancellationToken cancellation = default) =>
        name.IsPinned ? name : (await List(name, cancellation).ConfigureAwait(false)).Name;

    /// <summary>Everything that a model needs, or one GGUF file.</summary>
    /// <param name="name">A repository, or a file in it.</param>
    /// <param name="withWeights">Whether the weights are needed too.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <returns>The folder of the snapshot, or the file in it.</returns>
    /// <exception cref="InputException">It is not there, may not be read, or is no model.</exception>
    /// <exception cref="RunFailedException">The hub does not answer, or the disk refuses.</exception>
    public async Task<string> Model(HubName name, bool withWeights = true, CancellationToken cancellation = default)
    {
        if (name.File is { } file)
        {
            var found = await Files(name.WithoutFile, [ModelFiles.PatternOf(file)], cancellation).ConfigureAwait(false);
            return found.PathOf(found.Files.FirstOrDefault(one => one.Path == file) ?? throw HubErrors.NoFile(name, file, found.Files));
        }

        var listing = await List(name, cancellation).ConfigureAwait(false);
        if (listing.IsPart && !listing.Files.Any(static one => one.Path.EndsWith(".safetensors", StringComparison.Ordinal)))
        {
            throw new HubErrors(_settings).Unreachable(name, HubFetch.Join(listing.WhyCached, "the cache has only a part of it"));
        }

        await _fetch.Run(listing, ModelFiles.SettingsOf(name, listing.Files), cancellation).ConfigureAwait(false);
        var snapshot = CacheOf(name).Snapshot(listing.Name.Revision!);
        if (withWeights)
        {
            await _fetch.Run(listing, ModelFiles.WeightsOf(name, listing.Files, snapshot), cancellation).ConfigureAwait(false);
        }

        return snapshot;
    }

    /// <summary>Some files of a repository.</summary>
    /// <param name="name">The repository.</param>
    /// <param name="patterns">Names or globs; each fits something.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <inheritdoc cref="Model" path="/exception"/>
    public async Task<HubSnapshot> Files(HubName name, IReadOnlyList<string> patterns, CancellationToken cancellation = default)
    {
        var listing = await List(name, cancellation).ConfigureAwait(false);
        var chosen = new SortedDictionary<string, HubFile>(StringComparer.Ordinal);
        foreach (var pattern in patterns)
        {
            var fitting = listing.Files.Where(file => HubPath.Fits(file.Path, pattern)).ToArray();
            if (fitting.Length == 0)
            {
                throw listing.IsPart ? new HubErrors(_settings).Unreachable(name, HubFetch.Join(listing.WhyCached, $"the cache has no file that fits '{pattern}'"))
                    : HubErrors.NoFile(name, pattern, listing.Files);
            }

            foreach (var file in fitting)
            {
                ModelFiles.RefusePickle(name, file.Path);
                chosen[file.Path] = file;
            }
        }

        await _fetch.Run(listing, [.. chosen.Values], cancellation).ConfigureAwait(false);
        return new HubSnapshot(listing.Name, CacheOf(name).Snapshot(listing.Name.Revision!), [.. chosen.Values]);
    }

    /// <summary>All data files of a repository: those whose names end as files of rows do.</summary>
    /// <param name="name">The repository.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <inheritdoc cref="Model" path="/exception"/>
    public async Task<HubSnapshot> DataFiles(HubName name, CancellationToken cancellation = default)
    {
        var listing = await List(name, cancellation).ConfigureAwait(false);
        HubFile[] files = [.. listing.Files
            .Where(static file => HoldsRows(file.Path))
            .OrderBy(static file => file.Path, StringComparer.Ordinal)];
        if (files.Length == 0)
        {
            throw HubErrors.NoFile(name, "*.jsonl, *.parquet, ...", listing.Files);
        }

        await _fetch.Run(listing, files, cancellation).ConfigureAwait(false);
        return new HubSnapshot(listing.Name, CacheOf(name).Snapshot(listing.Name.Revision!), files);
    }

    /// <summary>Fetches the files of a split of a data set.</summary>
    /// <param name="name">The data set, with subset or split.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <inheritdoc cref="Model" path="/exception"/>
    public async Task<HubSnapshot> SplitFiles(HubName name, CancellationToken cancellation = default)
    {
        var whole = name.WithoutFile;
        var files = await FilesOf(whole, cancellation).ConfigureAwait(false);
        string? card = null;
        if (files.Any(static file => file.Path == Card))
        {
            var snapshot = await Files(whole, [Card], cancellation).ConfigureAwait(false);
            card = WholeFile.Text(snapshot.PathOf(snapshot.Files[0]), Limits.HandWrittenFile, Card);
        }

        string[] rows = [.. files.Select(static file => file.Path).Where(HoldsRows)];
        return await Files(whole, HubSplits.Patterns(name, card, rows), cancellation).ConfigureAwait(false);
    }

    /// <summary>The list of a repository's files; nothing is fetched.</summary>
    /// <param name="name">The repository.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <inheritdoc cref="Model" path="/exception"/>
    public async Task<IReadOnlyList<HubFile>> FilesOf(HubName name, CancellationToken cancellation = default) =>
        (await List(name, cancellation).ConfigureAwait(false)).Files;

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private static bool HoldsRows(string path)
    {
        var unpacked = path.EndsWith(".gz", StringComparison.OrdinalIgnoreCase) || path.EndsWith(".zst", StringComparison.OrdinalIgnoreCase)
            ? path[..path.LastIndexOf('.')] : path;
        return Array.Exists(DataEndings, ending => unpacked.EndsWith(ending, StringComparison.OrdinalIgnoreCase));
    }

    private HubCache CacheOf(HubName name) => new(_settings, name);

    // A commit never changes: its list is asked for once.
    private async Task<HubListing> List(HubName name, CancellationToken cancellation)
    {
        var cache = CacheOf(name);
        if (name.IsPinned && cache.ReadTree(name.Revision!) is { } known)
        {
            return new HubListing(name.WithoutFile, known, null, IsPart: false);
        }

        if (_settings.Offline)
        {
            return Cached(name, "") ?? throw new HubErrors(_settings).Unreachable(name, "");
        }

        try
        {
            var commit = name.IsPinned ? name.Revision! : await _api.Commit(name, cancellation).ConfigureAwait(false);
            var files = cache.ReadTree(commit);
            if (files is null)
            {
                files = await _api.Files(name, commit, cancellation).ConfigureAwait(false);
                cache.WriteTree(commit, files);
            }

            if (!name.IsPinned)
            {
                cache.WriteReference(name.RevisionOrMain, commit);
            }

            return new HubListing(name.WithoutFile.At(commit), files, null, IsPart: false);
        }
        catch (HubUnreachableException failure)
        {
            var cached = Cached(name, failure.Message) ?? throw new HubErrors(_settings).Unreachable(name, failure.Message);
            _progress.Note($"{_settings.Shown} cannot be asked ({failure.Message}): {cached.Name} is taken from the cache");
            return cached;
        }
    }

    private HubListing? Cached(HubName name, string why)
    {
        var cache = CacheOf(name);
        if ((name.IsPinned ? name.Revision : cache.ReadReference(name.RevisionOrMain)) is not { } commit)
        {
            return null;
        }

        var listed = cache.ReadTree(commit);
        var there = listed ?? cache.FilesThere(commit);
        return there.Count == 0 ? null : new HubListing(name.WithoutFile.At(commit), there, why, IsPart: listed is null);
    }
}
