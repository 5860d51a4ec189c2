namespace Rlhf.Grading;

/// <summary>What is done to the numbers of a source before they are combined with those of others.</summary>
public enum RewardNormalization
{
    /// <summary>Nothing.</summary>
    None,

    /// <summary>(number - mean) / sd over all answers of the stage so far.</summary>
    Running,

    /// <summary>(number - mean) / sd of the SFT model's samples to the training prompts, measured once before the first step.</summary>
    SftSamples,
}

/// <summary>One of the things that give answers a number: a <c>rule</c>, a <c>model</c>, a <c>judge</c> or a <c>program</c>.</summary>
public sealed record RewardSourceOptions
{
    /// <summary>The word for the reward model of the recipe's own reward stage.</summary>
    public const string TrainedModel = "trained";

    private static readonly string[] RuleKeys =
    [
        nameof(Reference), nameof(Trim), nameof(IgnoreCase), nameof(Pattern), nameof(Texts), nameof(Unit), nameof(Target), nameof(AtLeast), nameof(AtMost),
        nameof(Schema),
    ];

    /// <summary>Its name in the log and the report; <c>none</c>: the rule's name, or the word model, judge or program.</summary>
    public string? Name { get; init; }

    /// <summary>By what its numbers are multiplied in a <c>sum</c> or <c>mean</c>.</summary>
    public double Weight { get; init; } = 1;

    /// <summary>What is done to its numbers first: <c>none</c>, <c>running</c> or <c>sft_samples</c>.</summary>
    public RewardNormalization Normalize { get; init; }

    /// <summary>A rule: 0 to 1.</summary>
    public RewardRule? Rule { get; init; }

    /// <summary>A reward model: a folder or a name on the hub, or <c>trained</c> for that of the recipe's own reward stage.</summary>
    public string? Model { get; init; }

    /// <summary>A model behind the OpenAI chat API that marks each answer by named criteria.</summary>
    public RubricOptions? Judge { get; init; }

    /// <summary>A program and its arguments: answers go to its standard input and numbers come from its standard output, as JSON lines. It is started as it
    /// is, never by a shell.</summary>
    public IReadOnlyList<string> Program { get; init; } = [];

    /// <summary>The field of a prompt's row that holds the right answer, for rules, the judge's text and the program; <c>info.answer</c> is a field within
    /// one. Every row must have it.</summary>
    public string? Reference { get; init; }

    /// <summary>White space around the answer and the right one does not count.</summary>
    public bool Trim { get; init; } = true;

    /// <summary>Capital and small letters are the same.</summary>
    public bool IgnoreCase { get; init; }

    /// <summary>With <c>regex</c>: the regular expression.</summary>
    public string? Pattern { get; init; }

    /// <summary>With <c>contains</c>: texts that the answer has to hold, all of them.</summary>
    public IReadOnlyList<string> Texts { get; init; } = [];

    /// <summary>With <c>length</c>: what is counted, <c>tokens</c> or <c>words</c>.</summary>
    public LengthUnit Unit { get; init; }

    /// <summary>With <c>length</c>: the best length.</summary>
    public int? Target { get; init; }

    /// <summary>With <c>length</c>: the least that is good.</summary>
    public int? AtLeast { get; init; }

    /// <summary>With <c>length</c>: the most that is good.</summary>
    public int? AtMost { get; init; }

    /// <summary>With <c>json_schema</c>: the schema as a text.</summary>
    public string? Schema { get; init; }

    /// <summary>With <c>program</c>: the folder that it is started in; <c>none</c>: the recipe's.</summary>
    public string? Folder { get; init; }

    /// <summary>With <c>program</c>: the seconds that it may take for a batch of answers.</summary>
    public double TimeoutSeconds { get; init; } = 60;

    /// <summary>With <c>program</c>: how often it is started again within a batch when it has died or taken too long; the answers without a number are then
    /// asked again.</summary>
    public int Restarts { get; init; } = 2;

    /// <summary>Its name in the log.</summary>
    internal string ShownName => Name ?? Rule?.Name ?? (Model is not null ? "model" : Judge is not null ? "judge" : "program");

    /// <summary>Whether it is a model's folder or name.</summary>
    internal bool HasModelFolder => Model is not null and not TrainedModel;

    /// <summary>The same with every path made absolute by <paramref name="full"/>.</summary>
    internal RewardSourceOptions WithFullPaths(Func<string, string> full) => this with
    {
        Model = HasModelFolder ? full(Model!) : Model,
        Folder = Program.Count > 0 ? full(Folder ?? ".") : Folder,
    };

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    internal void Validate(OptionErrors errors)
    {
        var kinds = new[] { Rule is not null, Model is not null, Judge is not null, Program.Count > 0 }.Count(static given => given);
        errors.Require(kinds == 1, nameof(Rule), "needs one of rule, model, judge and program, and only one");
        errors.Require(double.IsFinite(Weight), nameof(Weight), "must be a finite number");
        errors.Require(IsPlain(ShownName), nameof(Name), "must be 1 to 40 small letters, digits, - or _");
        var read = Rule?.Keys ?? (Model is not null ? [] : [nameof(Reference)]);
        foreach (var key in RuleKeys.Where(key => !read.Contains(key)))
        {
            errors.NoEffect(false, key, $"with {(Rule is not null ? $"rule: {Rule.Name}" : ShownName)}");
        }

        errors.Require(Reference is not { Length: 0 }, nameof(Reference), "must be the name of a field");
        Rule?.Validate(this, errors);
        Judge?.Validate(errors.Below(nameof(Judge)), hasReference: Reference is not null);
        foreach (var key in (string[])[nameof(Folder), nameof(TimeoutSeconds), nameof(Restarts)])
        {
            errors.NoEffect(Program.Count > 0, key, "without program");
        }

        errors.Require(Program.All(static text => !text.Contains('\0', StringComparison.Ordinal)), nameof(Program),
            "has a NUL character, which no argument holds");
        errors.Within(TimeoutSeconds, 0.1, 86400);
        errors.Within(Restarts, 0, 100);
    }

    private static bool IsPlain(string name) =>
        name.Length is > 0 and <= 40 && name.All(static c => char.IsAsciiLetterLower(c) || char.IsAsciiDigit(c) || c is '-' or '_');
}
