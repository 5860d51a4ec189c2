using System.Runtime.InteropServices;
using System.Security.Cryptography;
using System.Text;

namespace Rlhf.Core;

/// <summary>
/// Files and folders that are there whole or not at all, whenever the process or the machine dies: written beside, flushed to
/// the disk, then renamed, and the rename flushed too.
/// </summary>
public static partial class DurableFiles
{
    /// <summary>What the name of a file or folder ends with until it is whole.</summary>
    internal const string Partial = ".partial";

    private const string Old = ".old";

    /// <summary>Replaces a file by what <paramref name="write"/> writes, or leaves it as it was if that fails.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public static void WriteAtomically(string path, Action<Stream> write)
    {
        var partial = Path.GetFullPath(path) + Partial;
        try
        {
            using (var stream = new FileStream(partial, FileMode.Create, FileAccess.Write))
            {
                write(stream);
                stream.Flush(flushToDisk: true);
            }

            File.Move(partial, path, overwrite: true);
            FlushFolder(Path.GetDirectoryName(partial)!);
        }
        catch (Exception exception)
        {
            TryDelete(() => File.Delete(partial));
            if (FileFailure.Is(exception))
            {
                throw FileFailure.Unwritable(path, exception);
            }

            throw;
        }
    }

    /// <summary>
    /// Replaces a folder by what <paramref name="fill"/> puts into the folder it is given, or leaves it as it was if that
    /// fails. A death between the two renames leaves the new folder complete under another name;
    /// <see cref="RecoverFolder"/> finishes the work.
    /// </summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public static void ReplaceFolderAtomically(string path, Action<string> fill)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        try
        {
            RecoverFolder(full);
            try
            {
                Directory.CreateDirectory(full + Partial);
                fill(full + Partial);
                FlushTree(full + Partial);
            }
            catch
            {
                TryDelete(() => Directory.Delete(full + Partial, recursive: true));
                throw;
            }

            if (Directory.Exists(full))
            {
                Directory.Move(full, full + Old);
            }

            FinishReplacement(full);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(path, exception);
        }
    }

    /// <summary>
    /// Brings a folder into order after a death inside <see cref="ReplaceFolderAtomically"/>: a half-written new one is removed, a
    /// complete one takes its place. Does nothing otherwise. To be called when a run starts again, before the folder is read.
    /// </summary>
    public static void RecoverFolder(string path)
    {
        var full = Path.TrimEndingDirectorySeparator(Path.GetFullPath(path));
        if (Directory.Exists(full + Old) && !Directory.Exists(full))
        {
            // The old one is moved away only after the new one is complete and flushed.
            FinishReplacement(full);
            return;
        }

        DeleteIfThere(full + Old);
        DeleteIfThere(full + Partial);
    }

    /// <summary>
    /// SHA-256 (lower-case hexadecimal) of what a model folder computes with: <c>config.json</c> and the safetensors files with
    /// their index, each with its name and length, in the order of names. Tokenizer files do not count.
    /// </summary>
    /// <exception cref="InputException">The folder or a file cannot be read.</exception>
    public static string ContentHash(string folder)
    {
        try
        {
            using var hash = IncrementalHash.CreateHash(HashAlgorithmName.SHA256);
            var buffer = new byte[1 << 20];
            foreach (var file in Directory.GetFiles(folder).Where(IsModelFile).Order(StringComparer.Ordinal))
            {
                Append(hash, file, buffer);
            }

            return Convert.ToHexStringLower(hash.GetHashAndReset());
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(folder, exception);
        }
    }

    /// <summary>SHA-256 (lower-case hexadecimal) of a file.</summary>
    /// <exception cref="InputException">It cannot be read.</exception>
    public static string FileHash(string path)
    {
        try
        {
            using var stream = WholeFile.OpenEvenEmpty(path);
            return Convert.ToHexStringLower(SHA256.HashData(stream));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    private static bool IsModelFile(string path) => Path.GetFileName(path) is var name
        && (name is "config.json" or "adapter_config.json" || name.EndsWith(".safetensors", StringComparison.Ordinal)
            || name.EndsWith(".safetensors.index.json", StringComparison.Ordinal));

    private static void Append(IncrementalHash hash, string file, byte[] buffer)
    {
        using var stream = WholeFile.Open(file);
        var name = Encoding.UTF8.GetBytes(Path.GetFileName(file));
        hash.AppendData(BitConverter.GetBytes((long)name.Length));
        hash.AppendData(name);
        hash.AppendData(BitConverter.GetBytes(stream.Length));
        int read;
        while ((read = stream.Read(buffer)) > 0)
        {
            hash.AppendData(buffer, 0, read);
        }
    }

    private static void FinishReplacement(string full)
    {
        var parent = Path.GetDirectoryName(full)!;
        if (Directory.Exists(full + Partial))
        {
            Directory.Move(full + Partial, full);
        }
        else
        {
            Directory.Move(full + Old, full); // someone took the new one away: the old one is better than none
        }

        FlushFolder(parent);
        DeleteIfThere(full + Old);
    }

    private static void DeleteIfThere(string folder)
    {
        if (Directory.Exists(folder))
        {
            Directory.Delete(folder, recursive: true);
        }
    }

    // What cannot be removed now is removed at the next start; the failure that led here matters more.
    private static void TryDelete(Action delete)
    {
        try
        {
            delete();
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
        }
    }

    private static void FlushTree(string folder)
    {
        foreach (var inner in Directory.GetDirectories(folder))
        {
            FlushTree(inner);
        }

        foreach (var file in Directory.GetFiles(folder))
        {
            // Only Windows asks for the right to write; elsewhere the file may be read-only.
            var access = OperatingSystem.IsWindows() ? FileAccess.ReadWrite : FileAccess.Read;
            using var handle = File.OpenHandle(file, FileMode.Open, access);
            RandomAccess.FlushToDisk(handle);
        }

        FlushFolder(folder);
    }

    // .NET opens no directories; on Windows a rename needs no flush of its own.
    private static void FlushFolder(string folder)
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        var descriptor = Open(folder, 0);
        if (descriptor < 0)
        {
            throw new IOException($"{folder} cannot be opened to flush it: {Marshal.GetLastPInvokeErrorMessage()}");
        }

        var failed = Synchronize(descriptor) != 0 ? Marshal.GetLastPInvokeErrorMessage() : null;
        _ = Close(descriptor);
        if (failed is not null)
        {
            throw new IOException($"{folder} cannot be flushed: {failed}");
        }
    }

    [LibraryImport("libc", EntryPoint = "open", SetLastError = true, StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);

    [LibraryImport("libc", EntryPoint = "fsync", SetLastError = true)]
    private static partial int Synchronize(int descriptor);

    [LibraryImport("libc", EntryPoint = "close", SetLastError = true)]
    private static partial int Close(int descriptor);
}
