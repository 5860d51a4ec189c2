namespace Rlhf.Hub;

/// <summary>A file of a repository as the hub lists it; its content is believed only after its hash was compared.</summary>
/// <param name="Path">Where it stands in the repository; not yet known to be safe, see <see cref="HubPath"/>.</param>
/// <param name="Size">Bytes.</param>
/// <param name="GitId">SHA-1 (hex) of the blob as Git names it; of a large file, that of its pointer.</param>
/// <param name="Sha256">SHA-256 (hex) of a large file's content; null of a small one.</param>
public sealed record HubFile(string Path, long Size, string GitId, string? Sha256)
{
    /// <summary>What its blob is called in the cache.</summary>
    internal string BlobName => Sha256 ?? GitId;
}

/// <summary>A repository at one commit, with the files that were asked for on this machine.</summary>
/// <param name="Name">The name with the commit.</param>
/// <param name="Folder">The snapshot: a folder with the files under their names.</param>
/// <param name="Files">Those that were asked for.</param>
public sealed record HubSnapshot(HubName Name, string Folder, IReadOnlyList<HubFile> Files)
{
    /// <summary>Where they stand, in the order of their names.</summary>
    public IEnumerable<string> Paths => Files.Select(PathOf);

    /// <summary>Where a file stands.</summary>
    internal string PathOf(HubFile file) => HubCache.Below(Folder, file.Path);
}

/// <summary>Hears how far a download is. Several files come at once, each on a thread of its own.</summary>
public interface IHubProgress
{
    /// <summary>A download begins.</summary>
    /// <param name="name">What.</param>
    /// <param name="bytes">How many bytes there are.</param>
    /// <param name="there">How many of them are here from an earlier try.</param>
    void Begin(string name, long bytes, long there);

    /// <summary>So many more bytes came; a negative number takes bytes back that were not what they should be.</summary>
    void Advance(long bytes);

    /// <summary>It is at its end, good or bad.</summary>
    void End();

    /// <summary>Something that a person should know.</summary>
    void Note(string message);
}

/// <summary>Says nothing.</summary>
internal sealed class SilentHubProgress : IHubProgress
{
    public static SilentHubProgress Instance { get; } = new();

    public void Begin(string name, long bytes, long there)
    {
    }

    public void Advance(long bytes)
    {
    }

    public void End()
    {
    }

    public void Note(string message)
    {
    }
}
