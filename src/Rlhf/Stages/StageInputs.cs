using Rlhf.Data;
using Rlhf.Hub;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;

namespace Rlhf.Stages;

/// <summary>
/// What a stage reads from outside of the run: <c>inputs.json</c> in its folder, written when it begins. What a stage that is complete or under way has read
/// must be the same whenever a
/// stage reads it again: nobody could say otherwise what came out of what.
/// </summary>
/// <param name="Inputs">SHA-256 (hex) of every file by the recipe's key: <c>data.prompts</c>, <c>base.model</c>. Files of the run itself stand with their path
/// in it.</param>
internal sealed record StageInputs(IReadOnlyDictionary<string, IReadOnlyDictionary<string, string>> Inputs)
{
    /// <summary>The file's name in the folder of a stage.</summary>
    public const string FileName = "inputs.json";

    // What readers of a model folder may open.
    private static readonly string[] ModelFileEndings = [".json", ".safetensors", ".txt", ".jinja", ".model"];

    /// <summary>Hashes what a stage is about to read.</summary>
    public static StageInputs Of(Recipe recipe, RunFolder run, StageStep step) =>
        Of(run, PlacesOf(recipe, step), new StageData(recipe, run, new Ledger(step.Name)));

    /// <summary>Hashes what making the base model reads.</summary>
    public static StageInputs OfBase(Recipe recipe, RunFolder run)
    {
        IEnumerable<(string, string?)> places = recipe.Base.Tokenizer is { } tokenizer
            ? [("base.tokenizer", tokenizer)]
            : [(nameof(DataOptions.Demonstrations), null), (nameof(DataOptions.Text), null)];
        return Of(run, places, new StageData(recipe, run, new Ledger("base")));
    }

    /// <summary>
    /// Looks at all that stages will read: folders are models, files are there, and their first rows are rows. Nothing is written.
    /// </summary>
    /// <exception cref="InputException">Something is not what it should be.</exception>
    public static void Look(Recipe recipe, IEnumerable<StageStep> steps, string nowhere)
    {
        var data = new StageData(recipe, nowhere, new Ledger("inputs"));
        if (recipe.Base.Tokenizer is { } tokenizer)
        {
            _ = Checkpoint.Open(tokenizer).Tokenizer;
        }

        foreach (var input in steps.SelectMany(step => InputsOf(recipe, step)).DistinctBy(static input => (input.Key, input.Folder)))
        {
            if (input.Folder is null)
            {
                data.Look(input.Key);
            }
            else
            {
                LookAtModel(input, input.Folder);
            }
        }
    }

    /// <summary>Refuses inputs that are not those which another stage, or an earlier attempt of this one, has read.</summary>
    /// <param name="before">What was read.</param>
    /// <param name="reader">Who read it.</param>
    /// <exception cref="InputException">Names every file that differs, with both hashes.</exception>
    public void RequireSame(StageInputs before, string reader)
    {
        string[] differences = [.. Inputs.Keys.Intersect(before.Inputs.Keys).SelectMany(key => Differences(key, before.Inputs[key], Inputs[key]))];
        if (differences.Length > 0)
        {
            throw new InputException(
                $"Inputs of the run are not what {reader} has read:{Environment.NewLine}{string.Join(Environment.NewLine, differences)}{Environment.NewLine}Put them back to go on, or begin a new run with another --out.");
        }
    }

    private static IEnumerable<string> Differences(string key, IReadOnlyDictionary<string, string> before, IReadOnlyDictionary<string, string> now) =>
        from file in before.Keys.Union(now.Keys).Order(StringComparer.Ordinal)
        let old = before.GetValueOrDefault(file)
        let present = now.GetValueOrDefault(file)
        where old != present
        select $"  {key}: {file}: " + (old is null
            ? $"is new, with the SHA-256 {present}"
            : present is null ? $"is gone; its SHA-256 was {old}"
            : $"has changed; its SHA-256 was {old} and is {present}");

    private static StageInputs Of(RunFolder run, IEnumerable<(string Key, string? Folder)> places, StageData data)
    {
        var inputs = new SortedDictionary<string, IReadOnlyDictionary<string, string>>(StringComparer.Ordinal);
        foreach (var (key, folder) in places)
        {
            var files = folder is null ? data.FilesOf(key).Select(file => (Name: file.Recorded, Path: file.FullPath)) : ModelFiles(folder);
            var hashes = new SortedDictionary<string, string>(
                files.ToDictionary(file => run.NameOf(file.Name), file => DurableFiles.FileHash(file.Path)), StringComparer.Ordinal);
            if (hashes.Count > 0)
            {
                inputs[folder is null ? $"data.{SnakeCase.From(key)}" : key] = hashes;
            }
        }

        return new StageInputs(inputs);
    }

    // What comes from the hub is known by its name and commit, wherever the cache is.
    private static IEnumerable<(string Name, string Path)> ModelFiles(string folder)
    {
        try
        {
            var place = HubFiles.Model(folder);
            if (File.Exists(place))
            {
                return GgufParts.Of(place) is { Count: > 1 } parts
                    ? [.. parts.Select(part => ($"{folder[..^Path.GetFileName(place).Length]}{Path.GetFileName(part)}", part))]
                    : [(folder, place)];
            }

            var files = Directory.EnumerateFiles(place)
                .Where(file => Array.Exists(ModelFileEndings, ending => file.EndsWith(ending, StringComparison.Ordinal)));
            return [.. files.Select(file => (place == folder ? file : $"{folder}{file[place.Length..].Replace(Path.DirectorySeparatorChar, '/')}", file))];
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(folder, exception);
        }
    }

    /// <summary>The data and the folders of models that a stage reads and the run has not made.</summary>
    private static IEnumerable<StageInput> InputsOf(Recipe recipe, StageStep step)
    {
        var own = step.Stage.Reads(recipe);
        return recipe.Base.Model is { } model && ReadsBase(recipe, step) ? own.Prepend(new StageInput(BaseModel.Key, step.Stage.Name, model)) : own;
    }

    /// <summary>Their keys and places.</summary>
    private static IEnumerable<(string Key, string? Folder)> PlacesOf(Recipe recipe, StageStep step) =>
        InputsOf(recipe, step).Select(static input => (input.Key, input.Folder)).Distinct();

    // A stage starts from the base model where no stage before has made another.
    private static bool ReadsBase(Recipe recipe, StageStep step) =>
        StageStep.Of(recipe).All(other => other.Number >= step.Number || other.Stage.Makes != StageProduct.SupervisedModel);

    private static void LookAtModel(StageInput input, string folder)
    {
        var model = Checkpoint.Open(folder);
        model.Check();
        if (!input.Scores)
        {
            _ = model.Tokenizer;
        }
        else if (model.Score is null)
        {
            throw new InputException($"{input.Key}: {folder}: this model has no scalar head, so it is not a reward model");
        }
    }
}
