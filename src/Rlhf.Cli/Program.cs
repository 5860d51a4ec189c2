using System.CommandLine;
using System.Text;
using Rlhf.Cli.Commands;
using Rlhf.Hub;
using Rlhf.Reports;
using Rlhf.Runs;

namespace Rlhf.Cli;

/// <summary>The command table. Results go to standard output, everything else to standard error; exit codes stand in <see cref="ExitCode"/>.</summary>
internal static class Program
{
    public static int Main(string[] args)
    {
        SpeakUtf8();
        StandardStream.Install();
        AppDomain.CurrentDomain.UnhandledException += (_, failure) => Environment.Exit(LastResort.Report(Console.Error, (Exception)failure.ExceptionObject));
        using var signals = Signals.Listen();
        return Run(args, Console.Out, Console.Error, Signals.Wish);
    }

    /// <summary>The whole command line in-process, for <see cref="Main"/> and for tests.</summary>
    internal static int Run(string[] args, TextWriter output, TextWriter error, CancellationToken cancellation = default)
    {
        return CommandLine.Guard(error, () =>
        {
            CommandLine.RequireCurrentFolder();
            HubFiles.Access = HubFiles.Access with { Progress = new HubProgress(ProgressReporter.For(error)), Cancellation = cancellation };
            var parsed = CreateRoot().Parse(args);
            if (CommandLine.ReportUsageErrors(parsed, error))
            {
                return ExitCode.BadInput;
            }

            var configuration = new InvocationConfiguration
            {
                Output = output,
                Error = error,
                EnableDefaultExceptionHandler = false,
                ProcessTerminationTimeout = null,
            };
            return parsed.InvokeAsync(configuration, cancellation).GetAwaiter().GetResult();
        });
    }

    // Windows' own choice is the code page of the country: rows written to a file would not be JSON.
    private static void SpeakUtf8()
    {
        if (OperatingSystem.IsWindows())
        {
            var utf8 = new UTF8Encoding(encoderShouldEmitUTF8Identifier: false);
            (Console.OutputEncoding, Console.InputEncoding) = (utf8, utf8);
        }
    }

    private static RootCommand CreateRoot()
    {
        var root = new RootCommand("The InstructGPT recipe as one program: demonstrations -> SFT -> ranked answers -> reward model -> PPO.");
        Command[] commands =
        [
            QuickstartCommand.Create(),
            RunCommand.Create(),
            .. StageList.All.Select(stage => stage.Name == CollectCommand.Name ? CollectCommand.Create(stage) : StageCommand.Create(stage)),
            DataCommand.Create(),
            PullCommand.Create(),
            RecipeCommand.Create(),
            TokenizeCommand.Create(),
            WatchCommand.Create(),
            ReportCommand.Create(),
            GenerateCommand.Create(),
            ScoreCommand.Create(),
            ExportCommand.Create(),
            MergeCommand.Create(),
            EvalCommand.Create(),
            LabelCommand.Create(),
            ArenaCommand.Create(),
            ChatCommand.Create(),
            ServeCommand.Create(),
            PlanCommand.Create(),
            DoctorCommand.Create(),
            BenchCommand.Create(),
        ];
        foreach (var command in commands)
        {
            root.Add(command);
        }

        root.HelpName = "rlhf";
        CommandLine.ShowExamplesInHelp(root);
        return root;
    }
}
