using System.Text.Json;

namespace Rlhf.Hub;

/// <summary>
/// The cache of Hugging Face's own programs, which is shared with them: <c>models--org--name/blobs</c> holds contents under their hashes,
/// <c>snapshots/COMMIT</c> links to them under the files' names, <c>refs</c> says which commit a branch meant, <c>trees</c> keeps the list of files of a
/// commit.
/// </summary>
internal sealed class HubCache(HubSettings settings, HubName name)
{
    private const int TreeVersion = 1;
    private const int LongestReference = 200;

    private readonly string _folder = Path.Combine(
        settings.Cache, $"{(name.Kind == HubKind.Dataset ? "datasets" : "models")}--{name.Repository.Replace("/", "--", StringComparison.Ordinal)}");

    /// <summary>The files of a commit under their names.</summary>
    public string Snapshot(string commit) => Path.Combine(_folder, "snapshots", commit);

    /// <summary>The content of a file.</summary>
    public string Blob(HubFile file) => Path.Combine(_folder, "blobs", file.BlobName);

    /// <summary>The content that is on its way.</summary>
    public string Incomplete(HubFile file) => Blob(file) + ".incomplete";

    /// <summary>A path below a folder.</summary>
    /// <exception cref="InputException">The name is not safe.</exception>
    public static string Below(string folder, string path) => HubPath.IsSafe(path)
        ? Path.Combine(folder, path.Replace('/', Path.DirectorySeparatorChar))
        : throw new InputException($"The hub lists a file whose name no file here may have: '{Shown(path)}'. It is not fetched.");

    /// <summary>Whether a file is there under its name, as long as it should be.</summary>
    public bool Has(string commit, HubFile file) => LengthOf(Below(Snapshot(commit), file.Path)) == file.Size;

    /// <summary>Whether a content is there, as long as it should be.</summary>
    public bool HasBlob(HubFile file) => LengthOf(Blob(file)) == file.Size;

    /// <summary>Bytes of a file that came already.</summary>
    public long LengthOfIncomplete(HubFile file) => Math.Min(LengthOf(Incomplete(file)) ?? 0, file.Size);

    /// <summary>Takes the lock of a content, for which every program waits that would fetch the same one.</summary>
    public async Task<IDisposable> Lock(HubFile file, Action whenWaiting, CancellationToken cancellation)
    {
        var path = Path.Combine(settings.Cache, ".locks", Path.GetFileName(_folder), file.BlobName + ".lock");
        Directory.CreateDirectory(Path.GetDirectoryName(path)!);
        for (var tries = 0; ; tries++)
        {
            try
            {
                return new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0);
            }
            catch (IOException exception) when (FileFailure.IsLock(exception))
            {
                if (tries == 10)
                {
                    whenWaiting();
                }

                await Task.Delay(100, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <summary>Makes the folders that a download needs.</summary>
    public void Prepare()
    {
        Directory.CreateDirectory(Path.Combine(_folder, "blobs"));
        Directory.CreateDirectory(Path.Combine(_folder, "snapshots"));
        Directory.CreateDirectory(Path.Combine(_folder, "refs"));
    }

    /// <summary>A content that is whole becomes one that is believed.</summary>
    public void Publish(HubFile file) => File.Move(Incomplete(file), Blob(file), overwrite: true);

    /// <summary>Lets a file stand under its name: a link to its content, or the content itself where there are no links.</summary>
    public void Link(string commit, HubFile file, bool isNew)
    {
        var path = Below(Snapshot(commit), file.Path);
        var folder = Path.GetDirectoryName(path)!;
        Directory.CreateDirectory(folder);
        if (!settings.Copies)
        {
            try
            {
                File.Delete(path); // a link that leads nowhere, or a copy that is not whole
                File.CreateSymbolicLink(path, Path.GetRelativePath(folder, Blob(file)));
                return;
            }
            catch (Exception exception) when (FileFailure.Is(exception) && LengthOf(path) != file.Size)
            {
                // This file system has no links, or Windows keeps them from this user.
            }
            catch (IOException)
            {
                return; // another program was faster
            }
        }

        if (isNew)
        {
            File.Move(Blob(file), path, overwrite: true);
            return;
        }

        var copy = Incomplete(file);
        File.Copy(Blob(file), copy, overwrite: true);
        File.Move(copy, path, overwrite: true);
    }

    /// <summary>The commit that a branch or tag meant when it was last asked for; null where it never was.</summary>
    public string? ReadReference(string revision)
    {
        var path = Below(Path.Combine(_folder, "refs"), revision);
        return File.Exists(path) && WholeFile.Text(path, LongestReference).Trim() is var commit && HubName.IsCommit(commit) ? commit : null;
    }

    /// <summary>Keeps what a branch or tag means; a cache that cannot be written to goes without.</summary>
    public void WriteReference(string revision, string commit)
    {
        if (ReadReference(revision) != commit)
        {
            Write(Below(Path.Combine(_folder, "refs"), revision), System.Text.Encoding.ASCII.GetBytes(commit));
        }
    }

    /// <summary>The files of a commit as the hub listed them; null where it was not asked yet.</summary>
    public IReadOnlyList<HubFile>? ReadTree(string commit)
    {
        var path = TreeFile(commit);
        try
        {
            return File.Exists(path) && PlacedJson.Parse(path, WholeFile.Bytes(path, Limits.RunFile)) is var json && json["format_version"].Integer(int.MaxValue) == TreeVersion
                ? [.. json["files"].Members().Select(static member => FileOf(member.Name, member.Value))]
                : null;
        }
        catch (InputException)
        {
            return null; // it is asked for again
        }
    }

    /// <summary>Keeps the list.</summary>
    public void WriteTree(string commit, IReadOnlyList<HubFile> files) => Write(TreeFile(commit), JsonSerializer.SerializeToUtf8Bytes(new
    {
        format_version = TreeVersion,
        files = files.ToDictionary(static file => file.Path, static file => file.Sha256 is { } sha
            ? (object)new { size = file.Size, blob_id = file.GitId, lfs_sha256 = sha, lfs_size = file.Size }
            : new { size = file.Size, blob_id = file.GitId }),
    }));

    /// <summary>What stands in a snapshot, for a cache without lists.</summary>
    public IReadOnlyList<HubFile> FilesThere(string commit)
    {
        var folder = Snapshot(commit);
        return !Directory.Exists(folder) ? [] :
        [
            .. from path in Directory.EnumerateFiles(folder, "*", SearchOption.AllDirectories).Take(Limits.HubFiles)
               let length = LengthOf(path)
               let own = Path.GetRelativePath(folder, path).Replace(Path.DirectorySeparatorChar, '/')
               where length is not null && HubPath.IsSafe(own)
               orderby own
               select new HubFile(own, length.Value, "", null),
        ];
    }

    private string TreeFile(string commit) => Path.Combine(_folder, "trees", commit + ".json");

    private static HubFile FileOf(string path, PlacedJson value)
    {
        var size = value["size"].Element;
        var hash = value["lfs_sha256"].OptionalText();
        var id = value["blob_id"].Text();
        return size.ValueKind == JsonValueKind.Number && size.TryGetInt64(out var bytes) && bytes >= 0 && IsHash(id, 40) && (hash is null || IsHash(hash, 64))
            ? new HubFile(path, bytes, id, hash)
            : throw value.Refuse("not what this program writes there");
    }

    private static bool IsHash(string text, int digits) => text.Length == digits && text.All(char.IsAsciiHexDigitLower);

    // Beside the folder's own files, because a program that lists the references would take a half-written one for one.
    private void Write(string path, byte[] content)
    {
        try
        {
            Directory.CreateDirectory(Path.GetDirectoryName(path)!);
            var trees = Path.Combine(_folder, "trees");
            Directory.CreateDirectory(trees);
            var partial = Path.Combine(trees, Guid.NewGuid().ToString("N") + ".partial");
            try
            {
                using (var stream = new FileStream(partial, FileMode.CreateNew, FileAccess.Write))
                {
                    stream.Write(content);
                    stream.Flush(flushToDisk: true);
                }

                File.Move(partial, path, overwrite: true);
            }
            catch
            {
                File.Delete(partial);
                throw;
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            // It is asked for again; what is fetched says loudly enough that the disk refuses.
        }
    }

    private static long? LengthOf(string path)
    {
        try
        {
            var file = new FileInfo(path);
            var target = file.LinkTarget is null ? file : file.ResolveLinkTarget(returnFinalTarget: true) as FileInfo;
            return target is { Exists: true } ? target.Length : null;
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            return null;
        }
    }

    private static string Shown(string path) => new([.. path.Take(100).Select(static sign => char.IsControl(sign) ? '?' : sign)]);
}
