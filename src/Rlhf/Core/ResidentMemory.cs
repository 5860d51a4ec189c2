using System.Diagnostics;
using System.Globalization;

namespace Rlhf.Core;

/// <summary>Most memory of this process that was resident, as the system counts it: the whole program with everything in it.</summary>
public static class ResidentMemory
{
    private const string Status = "/proc/self/status";
    private const string Key = "VmHWM:";
    private const string Clear = "/proc/self/clear_refs";
    private const string Peak = "5"; // proc(5): sets VmHWM to what is resident now

    /// <summary>Most bytes since the start, or since <see cref="ForgetPeak"/>.</summary>
    public static long PeakBytes()
    {
        if (File.Exists(Status) && File.ReadLines(Status).FirstOrDefault(static line => line.StartsWith(Key, StringComparison.Ordinal)) is { } line)
        {
            return 1024 * long.Parse(line[Key.Length..].Replace("kB", "", StringComparison.Ordinal), NumberStyles.Integer, CultureInfo.InvariantCulture);
        }

        using var process = Process.GetCurrentProcess();
        return process.PeakWorkingSet64;
    }

    /// <summary>Lets the peak begin anew, so that a stage's is its own. Where the system does not offer that (other than Linux), the peak stays that of the
    /// whole run so far.</summary>
    public static void ForgetPeak()
    {
        if (File.Exists(Clear))
        {
            try
            {
                File.WriteAllText(Clear, Peak);
            }
            catch (Exception exception) when (exception is IOException or UnauthorizedAccessException)
            {
                // A container may forbid it: a stage's peak then includes those before it.
            }
        }
    }
}
