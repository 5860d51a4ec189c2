using System.CommandLine;
using System.Runtime.InteropServices;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf doctor</c>: what the program finds on this machine.</summary>
internal static class DoctorCommand
{
    public static Command Create() =>
        new Command("doctor", "Shows what the program finds on this machine and tests it.")
            .WithExamples("rlhf doctor")
            .Does((parsed, _) =>
            {
                var output = parsed.Output();
                output.WriteLine($"runtime   {RuntimeInformation.FrameworkDescription} on {RuntimeInformation.RuntimeIdentifier}");
                output.WriteLine(FormattableString.Invariant($"cores     {Environment.ProcessorCount}"));
            });
}
