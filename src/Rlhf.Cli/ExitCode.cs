namespace Rlhf.Cli;

/// <summary>What the process says to its caller.</summary>
internal static class ExitCode
{
    public const int Success = 0;

    /// <summary>The work failed or was interrupted.</summary>
    public const int Failed = 1;

    /// <summary>The command line, the recipe or an input file is wrong.</summary>
    public const int BadInput = 2;

    /// <summary>The run has stopped until people have ranked enough.</summary>
    public const int Paused = 3;

    /// <summary>Nobody reads the output any more: what a shell shows of programs that end by SIGPIPE.</summary>
    public const int OutputClosed = 141;
}
