using System.Net;

namespace Rlhf.Hub;

/// <summary>
/// Brings one file's content: into a file that is not believed until it is whole, was compared with the hash and is on the disk. What an earlier try left is
/// gone on from.
/// </summary>
internal sealed class HubDownload(HubSettings settings, HubHttp http, IHubProgress progress)
{
    private const int BufferBytes = 256 * 1024;
    private const long MuchBytes = 1 << 20;

    /// <summary>Fills a partial file. The caller holds the lock of the blob and renames the file.</summary>
    /// <param name="name">The repository at a commit.</param>
    /// <param name="file">What to bring.</param>
    /// <param name="path">The partial file.</param>
    /// <param name="cancellation">Ends it; what came is kept.</param>
    /// <exception cref="RunFailedException">The hub fails too often, sends something else, or the disk refuses.</exception>
    /// <exception cref="HubRefusal">The hub refuses.</exception>
    public async Task Run(HubName name, HubFile file, string path, CancellationToken cancellation)
    {
        for (var isSecond = false; ; isSecond = true)
        {
            using var partial = OnDisk(path, () => new FileStream(path, FileMode.OpenOrCreate, FileAccess.ReadWrite, FileShare.None, bufferSize: 0));
            using var hash = new BlobHash(file);
            var wasBegun = partial.Length > 0;
            await Fill(name, file, partial, hash, path, cancellation).ConfigureAwait(false);
            if (hash.Matches() && partial.Length == file.Size)
            {
                OnDisk(path, () =>
                {
                    partial.Flush(flushToDisk: true);
                    return true;
                });
                return;
            }

            progress.Advance(-file.Size);
            partial.SetLength(0);
            if (isSecond || !wasBegun)
            {
                partial.Dispose();
                File.Delete(path);
                throw new RunFailedException(
                    $"{name.WithoutFile}/{file.Path}: what {settings.Shown} sent is not that file: its {(file.Sha256 is null ? "SHA-1 as Git counts it" : "SHA-256")} is not {file.BlobName}. Nothing of it is kept. Try again later or with another HF_ENDPOINT; a proxy between may change what passes.");
            }
        }
    }

    private async Task Fill(HubName name, HubFile file, FileStream partial, BlobHash hash, string path, CancellationToken cancellation)
    {
        if (partial.Length > file.Size)
        {
            OnDisk(path, () => Cut(partial));
        }

        Rehash(partial, hash);
        if (partial.Length == file.Size)
        {
            return;
        }

        var what = $"{name.Repository}/{file.Path}";
        try
        {
            await http.Retry(what, settings.Attempts, async () =>
            {
                await Receive(AddressOf(name, file), file, partial, hash, path, cancellation).ConfigureAwait(false);
                return true;
            }, cancellation).ConfigureAwait(false);
        }
        catch (HubUnreachableException failure)
        {
            throw new RunFailedException(
                FormattableString.Invariant($"{what}: the download stopped: {failure.Message}. {partial.Length} of {file.Size} bytes are kept: the same command goes on from there."));
        }
    }

    private async Task Receive(Uri address, HubFile file, FileStream partial, BlobHash hash, string path, CancellationToken cancellation)
    {
        using var response = await http.Send(address, partial.Length, cancellation).ConfigureAwait(false);
        if (response.StatusCode == HttpStatusCode.RequestedRangeNotSatisfiable)
        {
            Restart(partial, hash, path);
            throw new PassingFailure("the server has another length");
        }

        http.RequireSuccess(response);
        if (partial.Length > 0 && !GoesOn(response, partial.Length))
        {
            Restart(partial, hash, path); // the whole file comes
        }

        using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        var start = partial.Length;
        var buffer = new byte[BufferBytes];
        try
        {
            while (await http.Read(stream, buffer, cancellation).ConfigureAwait(false) is > 0 and var read)
            {
                if (partial.Length + read > file.Size)
                {
                    throw TooLong(file);
                }

                OnDisk(path, () =>
                {
                    partial.Write(buffer, 0, read);
                    return true;
                });
                hash.Append(buffer.AsSpan(0, read));
                progress.Advance(read);
            }
        }
        catch (PassingFailure failure)
        {
            throw new PassingFailure(failure.Message) { Advanced = partial.Length - start >= MuchBytes };
        }

        if (partial.Length < file.Size)
        {
            throw new PassingFailure("the connection ended early") { Advanced = partial.Length - start >= MuchBytes };
        }
    }

    private InputException TooLong(HubFile file) => new(
        FormattableString.Invariant($"{file.Path}: {settings.Shown} sends more than the {file.Size} bytes that it lists. Nothing of it is believed; try again later or with another HF_ENDPOINT."));

    private Uri AddressOf(HubName name, HubFile file) => new(settings.Endpoint,
        $"{name.Address}/resolve/{name.Revision}/{string.Join('/', file.Path.Split('/').Select(Uri.EscapeDataString))}");

    private static bool GoesOn(HttpResponseMessage response, long from) =>
        response.StatusCode == HttpStatusCode.PartialContent && response.Content.Headers.ContentRange?.From == from;

    private void Restart(FileStream partial, BlobHash hash, string path)
    {
        progress.Advance(-partial.Length);
        OnDisk(path, () => Cut(partial));
        Rehash(partial, hash);
    }

    private static bool Cut(FileStream partial)
    {
        partial.SetLength(0);
        return true;
    }

    // Where a try begins is the file's end, and what stands before it counts.
    private static void Rehash(FileStream partial, BlobHash hash)
    {
        hash.Begin();
        partial.Position = 0;
        var buffer = new byte[BufferBytes];
        for (int read; (read = partial.Read(buffer)) > 0;)
        {
            hash.Append(buffer.AsSpan(0, read));
        }
    }

    private static T OnDisk<T>(string path, Func<T> action)
    {
        try
        {
            return action();
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }
}
