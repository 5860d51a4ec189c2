using System.CommandLine;
using System.CommandLine.Parsing;
using System.Globalization;
using System.Text.Json;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;

namespace Rlhf.Cli;

/// <summary>Options that the commands which use models share, and what they mean.</summary>
internal static class ModelArguments
{
    /// <summary>Tokens that go through a model at once.</summary>
    public const int RowBudget = 2048;

    /// <summary>Answers to one prompt at most: more is a slip of the hand.</summary>
    private const int MostSamples = 4096;

    private static readonly string[] FieldNames =
    [
        "prompt", "messages", "conversations", "instruction", "input", "context", "system", "history", "tools", "response", "completion", "output", "chosen",
        "rejected",
        "responses", "ranking", "pairs", "ties", "margin", "margins", "id", "labeler", "weight", "text", "ids", "prompt_length",
    ];

    private static readonly WeightStorage?[] Storages = [.. Enum.GetValues<WeightStorage>()];

    private static readonly JsonSerializerOptions OneLine = new(SummaryFiles.Json) { WriteIndented = false };

    /// <summary>What else can stand where a model's folder does.</summary>
    public const string HubHelp = "Also a name on the Hugging Face hub: org/name, org/name@revision, org/name/file.gguf.";

    /// <summary>A model folder.</summary>
    public static Option<string?> Folder(string name, string description, bool required = false) => new(name)
    {
        Description = $"{description} {HubHelp}",
        HelpName = "DIR",
        Required = required,
    };

    /// <summary><c>--adapter</c>.</summary>
    public static Option<string?> Adapter() => new("--adapter")
    {
        Description = "The folder of an adapter (LoRA or DoRA, as PEFT writes them) to put on the model. Given as --model itself, an adapter stands on the base that it names.",
        HelpName = "DIR",
    };

    /// <summary><c>--storage</c>.</summary>
    public static Option<WeightStorage?> Storage() => new Option<WeightStorage?>("--storage")
    {
        Description = "What the model's matrices are kept in: f32, bf16, int8 (8.5 bits a weight) or q4 (5 bits a weight). By default nothing is rounded: blocks of a GGUF file stay as they are, all else is f32.",
        HelpName = "TYPE",
        CustomParser = static result => Storages.FirstOrDefault(storage => SnakeCase.From($"{storage}") == result.Tokens[0].Value),
    }.AcceptOnlyFromAmong([.. Storages.Select(static storage => SnakeCase.From($"{storage}"))]);

    /// <summary>The model that a command names, with the adapter that it names.</summary>
    public static Checkpoint Open(ParseResult parsed, Option<string?> model, Option<string?> adapter) => parsed.GetValue(adapter) is { } folder
        ? Checkpoint.Open(folder, parsed.GetValue(model)!)
        : Checkpoint.Open(parsed.GetValue(model)!);

    /// <summary>A number of answers to each prompt.</summary>
    public static Option<int> SampleCount(string name, string description)
    {
        var option = Number(name, 1, 1, description);
        option.Validators.Add(result =>
        {
            if (TryGet(result, option, out var value) && value > MostSamples)
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"{name}: expected at most {MostSamples}, found {value}."));
            }
        });
        return option;
    }

    /// <summary>A whole number with a lower bound.</summary>
    public static Option<int> Number(string name, int value, int least, string description)
    {
        var option = new Option<int>(name) { Description = description, HelpName = "N", DefaultValueFactory = _ => value };
        option.Validators.Add(result => RequireAtLeast(result, TryGet(result, option, out var given) ? given : least, least));
        return option;
    }

    /// <summary>A port to listen on.</summary>
    public static Option<int> Port(int value)
    {
        var option = Number("--port", value, 0, "The port; 0 takes a free one.");
        option.Validators.Add(result =>
        {
            if (TryGet(result, option, out var port) && port > ushort.MaxValue)
            {
                result.AddError(string.Create(CultureInfo.InvariantCulture, $"--port: expected 0 to {ushort.MaxValue}, found {port}."));
            }
        });
        return option;
    }

    /// <summary>A whole number with a lower bound that may be left out.</summary>
    public static Option<int?> OptionalNumber(string name, int least, string description)
    {
        var option = new Option<int?>(name) { Description = description, HelpName = "N" };
        option.Validators.Add(result => RequireAtLeast(result, TryGet(result, option, out var given) ? given ?? least : least, least));
        return option;
    }

    /// <summary>An option's value while the line is still being read; false where it is no such value, which has an error of its own.</summary>
    public static bool TryGet<T>(SymbolResult result, Option<T> option, out T? value)
    {
        try
        {
            value = result.GetValue(option);
            return true;
        }
        catch (InvalidOperationException)
        {
            value = default;
            return false;
        }
    }

    /// <summary>Results as JSON.</summary>
    public static Option<bool> Json(string description) => new("--json") { Description = description };

    /// <summary><c>--score-shift</c>.</summary>
    public static Option<bool> ScoreShift() => new("--score-shift")
    {
        Description = "Adds the reward model's score_shift (config.json), as PPO does, so that the demonstrations have 0 on average. Without it scores are those that other programs give.",
    };

    /// <summary>No progress.</summary>
    public static Option<bool> Quiet() => new("--quiet") { Description = "No progress on standard error." };

    /// <summary>Other names for fields.</summary>
    public static Option<string[]> Fields() => new("--fields", "--field")
    {
        Description = "Other names for fields, ours first: prompt=question,response=answer; may be repeated.",
        HelpName = "OURS=THEIRS",
        DefaultValueFactory = _ => [],
    };

    /// <summary>Fields of the data that are left out on purpose.</summary>
    public static Option<string[]> Ignore() => new("--ignore")
    {
        Description = "Fields of the data to leave out: score,label; may be repeated. A field that changes what a row means is otherwise an error where nothing reads it.",
        HelpName = "NAMES",
        DefaultValueFactory = _ => [],
    };

    /// <summary>A source with the names that <see cref="Fields"/> and <see cref="Ignore"/> give.</summary>
    public static DataSource SourceOf(IEnumerable<string> fields, IEnumerable<string> ignored) => new()
    {
        Fields = FieldsOf(fields),
        Ignore = [.. ignored.SelectMany(text => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries))
            .Distinct(StringComparer.Ordinal)],
    };

    /// <summary>The share of prompts that training kept aside.</summary>
    public static Option<double> HeldOut()
    {
        var option = new Option<double>("--held-out")
        {
            Description = "Takes only the prompts that a training with held_out of this size did not see, for example 0.1. Default: all prompts.",
            HelpName = "SHARE",
        };
        option.Validators.Add(result =>
        {
            if (TryGet(result, option, out var share) && share is not (> 0 and < 1))
            {
                result.AddError("--held-out: expected a share above 0 and below 1, such as the held_out of the training's data.");
            }
        });
        return option;
    }

    /// <summary>The mapping that <see cref="Fields"/> gives: our name to the data's.</summary>
    public static IReadOnlyDictionary<string, string> FieldsOf(IEnumerable<string> given)
    {
        var fields = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var pair in given.SelectMany(text => text.Split(',', StringSplitOptions.RemoveEmptyEntries | StringSplitOptions.TrimEntries)))
        {
            if (pair.Split('=', 2, StringSplitOptions.TrimEntries) is not [{ Length: > 0 } ours, { Length: > 0 } theirs])
            {
                throw new InputException($"--fields: expected our name = the data's name, as in prompt=question, found '{pair}'.");
            }

            if (!FieldNames.Contains(ours))
            {
                var nearest = NearestName.Of(ours, FieldNames);
                throw new InputException(
                    $"--fields: '{ours}' is none of our names{(nearest is null ? $" ({string.Join(", ", FieldNames)})" : $"; did you mean '{nearest}'?")} The data's name stands after the equals sign.");
            }

            if (!fields.TryAdd(ours, theirs))
            {
                throw new InputException($"--fields: '{ours}' stands there twice.");
            }
        }

        return fields;
    }

    /// <summary>Progress on standard error; none where a test reads that stream, or the user wants none.</summary>
    public static ProgressReporter Progress(ParseResult parsed, bool quiet) =>
        ProgressReporter.ForStandardError(quiet || !ReferenceEquals(parsed.Error(), Console.Error));

    /// <summary>One object on one line.</summary>
    public static void WriteLine<T>(TextWriter output, T value) => output.WriteLine(JsonSerializer.Serialize(value, OneLine));

    /// <summary>One object that a person may read.</summary>
    public static void WriteDocument<T>(TextWriter output, T value) => output.WriteLine(JsonSerializer.Serialize(value, SummaryFiles.Json));

    private static void RequireAtLeast(System.CommandLine.Parsing.OptionResult result, int value, int least)
    {
        if (value < least)
        {
            result.AddError(string.Create(CultureInfo.InvariantCulture, $"{result.Option.Name}: expected at least {least}, found {value}."));
        }
    }
}
