using System.Runtime.InteropServices;
using Microsoft.Win32.SafeHandles;

namespace Rlhf;

/// <summary>Tells an empty file from a pipe or device, which have length 0 as well. What the system says of a file's kind has another layout on each platform; opening without waiting has not.</summary>
internal static partial class SpecialFile
{
    private const int LinuxNonBlocking = 0x800;
    private const int OtherNonBlocking = 0x4; // macOS and the BSDs

    /// <summary>Whether a path of length 0 is a file, or /dev/null, that ends at once.</summary>
    /// <exception cref="IOException">It cannot be read.</exception>
    public static bool IsEmptyFile(string path)
    {
        if (OperatingSystem.IsWindows())
            return true; // pipes and devices have no place in its folders
        using var handle = new SafeFileHandle(Open(path, OperatingSystem.IsLinux() ? LinuxNonBlocking : OtherNonBlocking), ownsHandle: true);
        if (handle.IsInvalid)
            return true; // whoever opens it is told why it cannot be read
        try
        {
            using var stream = new FileStream(handle, FileAccess.Read, bufferSize: 0);
            // A file that has grown since its length was asked for says so.
            return stream.CanSeek && (stream.ReadByte() < 0 || stream.Length > 0);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            return false; // a terminal has nothing to say yet
        }
    }

    [LibraryImport("libc", EntryPoint = "open", StringMarshalling = StringMarshalling.Utf8)]
    private static partial int Open(string path, int flags);
}
