namespace Rlhf;

/// <summary>Says in plain English why the system refuses a file, and what to do about it.</summary>
internal static class FileFailure
{
    // Numbers of the system's errors; .NET hands them on where it has no exception of its own for them.
    private const int NoSpaceLeft = 28;
    private const int WindowsDiskFull = unchecked((int)0x80070070);
    private const int ReadOnlySystem = 30;
    private const int InputOutput = 5;
    private static readonly int[] QuotaExceeded = [122, 69]; // Linux, macOS
    private static readonly int[] Locked = [11, 35, unchecked((int)0x80070020), unchecked((int)0x80070021)]; // Linux, macOS, Windows

    private static readonly Dictionary<int, string> Others = new()
    {
        [9] = "it is closed.",
        [12] = "there is not enough memory.",
        [17] = "it is there already. Choose another name.",
        [20] = "a part of the path is a file and no folder.",
        [24] = "too many files are open. Raise the limit (ulimit -n).",
        [26] = "a program that is running is in it.",
        [40] = "its links lead in a circle.",
    };

    /// <summary>Whether the system failed to read or write, so that <see cref="Unwritable"/> and <see cref="Unreadable"/> have a reason to tell.</summary>
    public static bool Is(Exception exception) => exception is IOException or UnauthorizedAccessException;

    /// <summary>Whether another process holds the file.</summary>
    public static bool IsLock(IOException exception) => Locked.Contains(exception.HResult);

    /// <summary>A run cannot write what it must.</summary>
    public static RunFailedException Unwritable(string path, Exception exception) => new($"{path} cannot be written: {ReasonOf(exception)}", exception);

    /// <summary>What the user gave cannot be read.</summary>
    public static InputException Unreadable(string path, Exception exception) => new($"{path} cannot be read: {FailureText.Of(exception, path)}.", exception);

    /// <summary>Why, and what to do.</summary>
    public static string ReasonOf(Exception exception) => exception switch
    {
        UnauthorizedAccessException => "no permission, or it is not a file. See who owns it and how its folder may be used.",
        PathTooLongException => "the path is too long for this system. Choose a shorter one.",
        FileNotFoundException or DirectoryNotFoundException => "it is not there. It was moved or deleted, or the path is written wrongly.",
        { HResult: NoSpaceLeft or WindowsDiskFull } => "the disk is full. Free some space first.",
        { HResult: ReadOnlySystem } => "the file system is read-only. Choose another place, or mount it for writing.",
        { HResult: InputOutput } => "the disk reports an error. It may be failing: copy what you need to another one.",
        _ when QuotaExceeded.Contains(exception.HResult) => "the quota is used up. Free some space first.",
        _ when Others.TryGetValue(exception.HResult, out var reason) => reason,
        _ => FailureText.InPlainWords(exception.Message) + ".",
    };
}
