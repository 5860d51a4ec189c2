namespace Rlhf.Data;

/// <summary>What becomes of a row that cannot be read.</summary>
public enum BadRowPolicy
{
    /// <summary>The run ends with the row's position and what was expected.</summary>
    Error,

    /// <summary>The row is left out and counted in the ledger.</summary>
    Drop,
}

/// <summary>Which answer of a comparison serves as the demonstration.</summary>
public enum DemonstrationPick
{
    /// <summary>The row's own response.</summary>
    Response,

    /// <summary>The chosen answer.</summary>
    Chosen,

    /// <summary>The rejected answer.</summary>
    Rejected,

    /// <summary>
    /// Chosen where the first 8 hexadecimal digits of sha256("demo\n" + prompt + "\n" + chosen) are an odd number, else rejected: demonstrations of mixed
    /// quality.
    /// </summary>
    Mixed,
}

/// <summary>Where the rows of one kind come from.</summary>
public sealed record DataSource
{
    /// <summary>Files or globs (<c>*</c>, <c>?</c>, <c>**</c>), relative to the recipe: JSON lines or a JSON array, either may be gzipped; or files
    /// on the hub: <c>hf://datasets/org/name@revision/data/train-*.jsonl</c>.</summary>
    public IReadOnlyList<string> Path { get; init; } = [];

    /// <summary>Other names for fields: our name to the data's, for example <c>{prompt: question, response: answer}</c>.</summary>
    public IReadOnlyDictionary<string, string> Fields { get; init; } = new Dictionary<string, string>(StringComparer.Ordinal);

    /// <summary>Fields of the data that are left out on purpose, for example <c>[score]</c>; a field that changes what a row means is otherwise an error where
    /// nothing reads it.</summary>
    public IReadOnlyList<string> Ignore { get; init; } = [];

    /// <summary>How these rows become text; the recipe's format where absent.</summary>
    public FormatOptions? Format { get; init; }

    /// <summary>Share of the prompts that is held out for validation, from 0 up to but not including 1; by hash of the prompt, so the same prompts in every
    /// stage and run. With <see cref="SplitBy"/> the share of its values, or a list of them: <c>[cats, dog*]</c>, where <c>*</c> stands for any text.</summary>
    public HeldOutRule HeldOut { get; init; } = HeldOutRule.None;

    /// <summary>The data's name of a field by whose value rows are held out, instead of by their prompt, for example <c>topic</c>: rows of one value stay on
    /// one side. <c>info.topic</c> is a field within one. Every row must have it.</summary>
    public string? SplitBy { get; init; }

    /// <summary>Another number holds out another share of the prompts or values, by the same hash: another fold.</summary>
    public ulong SplitSeed { get; init; }

    /// <summary>The most held-out rows that are used, spread by hash of their ids; the rest is neither trained on nor evaluated. All where absent.</summary>
    public int? HeldOutLimit { get; init; }

    /// <summary>The most rows that are read, in file order; all where absent.</summary>
    public int? Limit { get; init; }

    /// <summary>What becomes of a row that cannot be read.</summary>
    public BadRowPolicy OnBadRow { get; init; } = BadRowPolicy.Error;

    /// <summary>Which answer of a comparison serves as the demonstration; only for demonstrations.</summary>
    public DemonstrationPick Take { get; init; } = DemonstrationPick.Response;

    /// <summary>Fields of prompts' rows that are kept because something grades by them; every row must have them.</summary>
    internal IReadOnlyList<ReferenceField> References { get; init; } = [];
}
