using System.Diagnostics;
using Rlhf.Cli;

namespace Rlhf.Tests.Cli;

/// <summary>The program as a process of its own, where what matters is the process: signals, streams, its folder.</summary>
internal static class CommandProcess
{
    /// <summary>How a shell starts the program.</summary>
    public static string ShellCommand { get; } = $"dotnet '{typeof(ExitCode).Assembly.Location}'";

    /// <summary>Runs a line of the shell.</summary>
    public static (int Code, string Output, string Error) Shell(string line, string folder) => EndOf(Start("/bin/sh", folder, "-c", line));

    /// <summary>Starts the program itself.</summary>
    public static Process Start(string folder, params string[] arguments) => Start("dotnet", folder, [typeof(ExitCode).Assembly.Location, .. arguments]);

    /// <summary>Sends a signal.</summary>
    public static void Signal(Process process, string signal) => Assert.Equal(0, Shell($"kill -{signal} {process.Id}", Path.GetTempPath()).Code);

    /// <summary>Waits for the end.</summary>
    public static (int Code, string Output, string Error) EndOf(Process process)
    {
        using (process)
        {
            var error = process.StandardError.ReadToEndAsync();
            var output = process.StandardOutput.ReadToEnd();
            process.WaitForExit();
            return (process.ExitCode, output, error.Result);
        }
    }

    private static Process Start(string program, string folder, params string[] arguments)
    {
        var start = new ProcessStartInfo(program, arguments)
        {
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
            WorkingDirectory = folder,
        };
        start.Environment["TMPDIR"] = folder;
        return Process.Start(start)!;
    }
}

/// <summary>A test of a process as Linux and macOS have them.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixFactAttribute : FactAttribute
{
    public UnixFactAttribute() => Skip = OperatingSystem.IsWindows() ? "needs signals and a POSIX shell" : null;
}

/// <summary>The same with rows of data.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class UnixTheoryAttribute : TheoryAttribute
{
    public UnixTheoryAttribute() => Skip = OperatingSystem.IsWindows() ? "needs signals and a POSIX shell" : null;
}
