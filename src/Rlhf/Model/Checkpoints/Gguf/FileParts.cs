using Microsoft.Win32.SafeHandles;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Reads parts of files of numbers; what goes wrong is said as a user's mistake.</summary>
internal static class FileParts
{
    /// <summary>Opens a file for reading.</summary>
    /// <exception cref="InputException">It cannot be opened.</exception>
    public static SafeFileHandle Open(string path)
    {
        try
        {
            return File.OpenHandle(path);
        }
        catch (Exception exception) when (FileFailure.Is(exception) || exception is NotSupportedException)
        {
            throw FileFailure.Unreadable(path, exception);
        }
    }

    /// <summary>Fills the destination from a place in the file.</summary>
    /// <exception cref="InputException">The file cannot be read, or is too short.</exception>
    public static void Read(string path, SafeFileHandle handle, long position, Span<byte> destination)
    {
        while (destination.Length > 0)
        {
            int read;
            try
            {
                read = RandomAccess.Read(handle, destination, position);
            }
            catch (IOException exception)
            {
                throw FileFailure.Unreadable(path, exception);
            }

            if (read == 0)
            {
                throw new InputException($"{path}: the file became shorter while it was read.");
            }

            position += read;
            destination = destination[read..];
        }
    }

    /// <summary>Whether a file begins with these bytes; false where it cannot be read.</summary>
    public static bool Begins(string path, ReadOnlySpan<byte> bytes)
    {
        try
        {
            using var file = File.OpenRead(path);
            Span<byte> start = stackalloc byte[bytes.Length];
            return file.ReadAtLeast(start, start.Length, throwOnEndOfStream: false) == start.Length && start.SequenceEqual(bytes);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            return false;
        }
    }
}
