namespace Rlhf.Stages.Sft;

/// <summary>How people are asked for demonstrations.</summary>
public sealed record WritersOptions
{
    /// <summary>The word for people as writers.</summary>
    internal const string Word = "people";

    /// <summary>Prompts of <c>data.prompts</c> at most, in the data's order; <c>none</c>: all.</summary>
    public int? MaxPrompts { get; init; }

    /// <summary>Share of the demonstrations that is held out, by their prompts.</summary>
    public double HeldOut { get; init; }

    /// <summary>
    /// Where they write, an SQLite file or <c>postgres://user@host:port/database</c> (its password in the environment variable <c>PGPASSWORD</c>);
    /// <c>none</c>: <c>rankings.db</c> in the run folder.
    /// </summary>
    public string? Store { get; init; }

    /// <summary>How many of them answer each prompt.</summary>
    public int PerPrompt { get; init; } = 1;

    /// <summary>
    /// How many demonstrations are enough to go on, as a share of all that are wanted (at most 1) or as a number (above 1). May be changed when a run is
    /// resumed.
    /// </summary>
    public double Enough { get; init; } = 1;

    /// <summary>
    /// <c>true</c> waits until enough demonstrations are in; <c>false</c> ends the program with exit code 3, and resuming the run looks again. May be changed
    /// when a run is resumed.
    /// </summary>
    public bool Wait { get; init; } = true;

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Require(MaxPrompts is null or > 0, nameof(MaxPrompts), "must be above 0, or none");
        errors.Below(HeldOut, 0, 1, nameof(HeldOut));
        errors.Within(PerPrompt, 1, 100);
        PeopleStore.Validate(Store, Enough, errors);
    }
}
