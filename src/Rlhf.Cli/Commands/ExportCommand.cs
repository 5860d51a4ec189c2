using System.CommandLine;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Stages;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf export</c>: a model in another form, for other programs.</summary>
internal static class ExportCommand
{
    private const string Gguf = "gguf";
    private const string Safetensors = "safetensors";

    private static readonly Dictionary<string, GgufTensorType> GgufTypes = new(StringComparer.Ordinal)
    {
        ["f32"] = GgufTensorType.F32,
        ["f16"] = GgufTensorType.F16,
        ["bf16"] = GgufTensorType.BF16,
        ["q8_0"] = GgufTensorType.Q8_0,
        ["q4_0"] = GgufTensorType.Q4_0,
    };

    private static readonly Dictionary<string, SavedType> SavedTypes = new(StringComparer.Ordinal)
    {
        ["f32"] = SavedType.F32,
        ["bf16"] = SavedType.Bf16,
        ["f16"] = SavedType.F16,
    };

    private static readonly Argument<string> Model = new("model") { Description = "The model: a Hugging Face folder, a GGUF file, a name on the hub, or an adapter, which is merged.", HelpName = "MODEL" };
    private static readonly Option<string> Form = Word("--format", "gguf (one file, for llama.cpp and its like) or safetensors (a Hugging Face folder).",
        [Gguf, Safetensors], required: true);
    private static readonly Option<string?> Type = Word("--type",
        "gguf: the numbers' type, f32, f16, bf16, q8_0 (8 bits, a scale for 32 numbers) or q4_0 (4 bits; tables in q8_0). Default: f16.", [.. GgufTypes.Keys])!;
    internal static readonly Option<string?> Dtype = Word("--dtype", "The type of a folder's numbers: f32, bf16 or f16. Default: f32.", [.. SavedTypes.Keys])!;
    internal static readonly Option<string?> Shard = new("--shard")
    {
        Description = "Most bytes of weights in one file of a folder, such as 2GB; more become several files with an index. Default: 5GB.",
        HelpName = "SIZE",
    };

    internal static readonly Option<string> Out = new("--out") { Description = "The file (gguf) or folder (safetensors) to write.", HelpName = "PATH", Required = true };
    internal static readonly Option<bool> Force = new("--force") { Description = "Replaces what is there." };
    internal static readonly Option<bool> Quiet = ModelArguments.Quiet();

    public static Command Create() =>
        new Command("export", "Writes a model in another form: as a GGUF file, or as a Hugging Face folder with other number types or shards.")
        {
            Model, Form, Type, Dtype, Shard, Out, Force, Quiet,
        }
        .WithExamples(
            "rlhf export runs/mine/stages/04-ppo/model --format gguf --type q8_0 --out mine.gguf",
            "rlhf export runs/mine/stages/04-ppo/model --format safetensors --dtype bf16 --shard 2GB --out mine-bf16",
            "rlhf export SmolLM2-135M-Instruct.Q4_1.gguf --format safetensors --out smollm2")
        .Does((parsed, _) => Run(parsed));

    private static void Run(ParseResult parsed)
    {
        var isGguf = parsed.GetValue(Form) == Gguf;
        RequireEffect(parsed, isGguf);
        var model = Checkpoint.Open(parsed.GetValue(Model)!);
        var path = parsed.GetValue(Out)!;
        RequireFree(path, isGguf, parsed.GetValue(Force), model.Folder);
        var numbers = new ParameterLayout(model.Config).ParameterCount;
        using (var progress = ModelArguments.Progress(parsed, parsed.GetValue(Quiet)).Start("export", numbers, "numbers"))
        {
            if (isGguf)
            {
                model.ExportGguf(path, GgufTypes[parsed.GetValue(Type) ?? "f16"], count => progress.Advance(count));
            }
            else
            {
                model.ExportFolder(path, OptionsOf(parsed), count => progress.Advance(count));
            }
        }

        parsed.Output().WriteLine(path);
    }

    internal static SaveOptions OptionsOf(ParseResult parsed)
    {
        var shard = parsed.GetValue(Shard) ?? new SaveForm().Shard;
        return new SaveOptions
        {
            Type = SaveForm.TypeOf(SavedTypes[parsed.GetValue(Dtype) ?? "f32"]),
            MaxShardBytes = ByteSize.Parse(shard) ?? throw new InputException($"--shard: expected {ByteSize.Form}, found '{shard}'."),
        };
    }

    private static void RequireEffect(ParseResult parsed, bool isGguf)
    {
        foreach (var option in isGguf ? (Option<string?>[])[Dtype, Shard] : [Type])
        {
            if (parsed.GetValue(option) is not null)
            {
                throw new InputException($"{option.Name} has no effect with --format {(isGguf ? $"{Gguf}: its number type is --type" : $"{Safetensors}: its number type is --dtype")}.");
            }
        }
    }

    internal static void RequireFree(string path, bool isFile, bool force, string model)
    {
        if (Path.GetFullPath(path) == Path.TrimEndingDirectorySeparator(Path.GetFullPath(model)))
        {
            throw new InputException($"--out: {path} is the model itself. Choose another name.");
        }

        var other = isFile ? Directory.Exists(path) : File.Exists(path);
        if (other || (Path.Exists(path) && !force))
        {
            throw new InputException(other
                ? $"--out: {path} is a {(isFile ? "folder; a file is written" : "file; a folder is written")}. Choose another name."
                : $"--out: {path} is there already. Choose another name, or give --force to replace it.");
        }
    }

    private static Option<string> Word(string name, string description, string[] words, bool required = false)
    {
        var option = new Option<string>(name) { Description = description, HelpName = string.Join('|', words), Required = required };
        option.Validators.Add(result =>
        {
            if (ModelArguments.TryGet(result, option, out var word) && word is not null && !words.Contains(word))
            {
                result.AddError($"{name}: expected {string.Join(", ", words)}, found '{word}'.");
            }
        });
        return option;
    }
}
