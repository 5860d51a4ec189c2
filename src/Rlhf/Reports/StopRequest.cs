namespace Rlhf.Reports;

/// <summary>
/// Asks the run in a folder to write a checkpoint at the end of its step and to stop, whatever process does it: an empty file <c>stop</c> in the folder. The
/// run looks for it every few seconds, and takes it away when it has ended.
/// </summary>
public static class StopRequest
{
    /// <summary>The file's name in a run folder.</summary>
    public const string FileName = "stop";

    /// <summary>Asks.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public static void Make(string runFolder)
    {
        var file = Path.Combine(runFolder, FileName);
        try
        {
            File.WriteAllBytes(file, []);
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(file, exception);
        }
    }

    /// <summary>Whether somebody has asked.</summary>
    public static bool IsMade(string runFolder) => File.Exists(Path.Combine(runFolder, FileName));

    /// <summary>Takes a request away.</summary>
    internal static void Forget(string runFolder)
    {
        try
        {
            File.Delete(Path.Combine(runFolder, FileName));
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            // It is not there, or cannot be taken away: then the run stops at its first checkpoint, and whoever looks finds the file.
        }
    }
}
