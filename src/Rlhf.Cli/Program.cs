using System.CommandLine;
using System.Text;
using Rlhf.Cli.Commands;
using Rlhf.Stages;

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
        var root = new RootCommand("The InstructGPT recipe as one program: demonstrations -> SFT -> ranked answers -> reward model -> PPO.")
        {
            QuickstartCommand.Create(),
            RunCommand.Create(),
            StageCommand.Create(StageKind.Pretrain, "Does the pretrain stage of a recipe: next-token training on plain text."),
            StageCommand.Create(StageKind.Sft, "Does the sft stage of a recipe: step 1, supervised fine-tuning."),
            CollectCommand.Create(),
            StageCommand.Create(StageKind.Reward, "Does the next reward stage of a recipe: step 2, the reward model."),
            StageCommand.Create(StageKind.Ppo, "Does the next ppo stage of a recipe: step 3, PPO against the reward model."),
            DataCommand.Create(),
            RecipeCommand.Create(),
            TokenizeCommand.Create(),
            ReportCommand.Create(),
            GenerateCommand.Create(),
            ScoreCommand.Create(),
            EvalCommand.Create(),
            LabelCommand.Create(),
            ArenaCommand.Create(),
            ChatCommand.Create(),
            ServeCommand.Create(),
            PlanCommand.Create(),
            DoctorCommand.Create(),
            BenchCommand.Create(),
        };
        root.HelpName = "rlhf";
        CommandLine.ShowExamplesInHelp(root);
        return root;
    }
}
