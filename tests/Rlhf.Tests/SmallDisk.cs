using System.Diagnostics;

namespace Rlhf.Tests;

/// <summary>A disk of a few megabytes, to be filled or made read-only; only root may mount one.</summary>
internal sealed class SmallDisk : IDisposable
{
    private readonly TestFolder _temporary = new();

    public SmallDisk(int kilobytes)
    {
        if (!Mount("-t", "tmpfs", "-o", $"size={kilobytes}k", "tmpfs", Path))
        {
            throw new InvalidOperationException("The disk cannot be mounted.");
        }
    }

    public string Path => _temporary.Path;

    /// <summary>Whether this machine lets tests mount a disk.</summary>
    public static bool CanBeMade { get; } = Try();

    public string PathOf(params string[] parts) => _temporary.PathOf(parts);

    /// <summary>From now on nothing can be written.</summary>
    public void MakeReadOnly() => Assert.True(Mount("-o", "remount,ro", Path));

    /// <summary>Gives the disk another size.</summary>
    public void Resize(int kilobytes) => Assert.True(Mount("-o", $"remount,size={kilobytes}k", Path));

    /// <summary>Leaves so many bytes free.</summary>
    public void FillUpTo(long free)
    {
        using var file = new FileStream(PathOf("filler"), FileMode.Create, FileAccess.Write, FileShare.None, bufferSize: 0);
        for (var left = new DriveInfo(Path).AvailableFreeSpace - free; left > 0; left -= 4096)
        {
            file.Write(new byte[Math.Min(4096, left)]);
        }
    }

    public void Dispose()
    {
        Run("umount", Path);
        _temporary.Dispose();
    }

    private static bool Try()
    {
        if (!OperatingSystem.IsLinux() || Environment.UserName != "root")
        {
            return false;
        }

        try
        {
            new SmallDisk(64).Dispose();
            return true;
        }
        catch (InvalidOperationException)
        {
            return false;
        }
    }

    private static bool Mount(params string[] arguments) => Run("mount", arguments);

    private static bool Run(string program, params string[] arguments)
    {
        using var process = Process.Start(new ProcessStartInfo(program, arguments) { RedirectStandardError = true })!;
        process.WaitForExit();
        return process.ExitCode == 0;
    }
}

/// <summary>A test that needs a disk of its own; skipped where none can be mounted.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class SmallDiskFactAttribute : FactAttribute
{
    public SmallDiskFactAttribute()
    {
        if (!SmallDisk.CanBeMade)
        {
            Skip = "only root can mount a small disk";
        }
    }
}
