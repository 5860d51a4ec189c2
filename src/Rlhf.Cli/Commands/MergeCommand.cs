using System.CommandLine;
using System.Globalization;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf merge</c>: an adapter put into the weights of its base, as one whole model.</summary>
internal static class MergeCommand
{
    private static readonly Argument<string> Adapter = new("adapter") { Description = "The adapter's folder: LoRA or DoRA, as PEFT writes them.", HelpName = "ADAPTER" };
    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The base model; by default the one that the adapter names.");

    public static Command Create() =>
        new Command("merge", "Puts an adapter into the weights of its base and writes the whole model; says how much rounding takes from it.")
        {
            Adapter, Model, ExportCommand.Dtype, ExportCommand.Shard, ExportCommand.Out, ExportCommand.Force, ExportCommand.Quiet,
        }
        .WithExamples(
            "rlhf merge my-adapter --out merged",
            "rlhf merge my-adapter --model HuggingFaceTB/SmolLM2-135M-Instruct --dtype bf16 --out merged")
        .Does((parsed, _) => Run(parsed));

    private static void Run(ParseResult parsed)
    {
        var model = Checkpoint.Open(parsed.GetValue(Adapter)!, parsed.GetValue(Model));
        if (!model.IsAdapted)
        {
            throw new InputException($"{model.Folder}: this is a whole model; an adapter is needed here. To put an adapter on it: rlhf merge ADAPTER --model {model.Folder}.");
        }

        var path = parsed.GetValue(ExportCommand.Out)!;
        ExportCommand.RequireFree(path, isFile: false, parsed.GetValue(ExportCommand.Force), model.Folder);
        var numbers = new ParameterLayout(model.Config).ParameterCount;
        using (var progress = ModelArguments.Progress(parsed, parsed.GetValue(ExportCommand.Quiet)).Start("merge", numbers, "numbers"))
        {
            model.ExportFolder(path, ExportCommand.OptionsOf(parsed), count => progress.Advance(count));
        }

        parsed.Output().WriteLine(path);
        parsed.Error().WriteLine(string.Create(
            CultureInfo.InvariantCulture, $"rounding is {100 * model.RoundingIn(path):0.####} % of what the adapter changes (root mean square)"));
    }
}
