using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Sampling;

namespace Rlhf.Stages.Collect;

/// <summary>The stage between SFT and the reward model: K answers are sampled to each prompt and ranked by a labeler.</summary>
public sealed record CollectOptions : ISamplingOptions
{
    /// <summary>The labeler that is the rule of the built-in quickstart world.</summary>
    public const string GoldLabeler = "gold";

    /// <summary>The labelers that are people, who rank in the browser.</summary>
    public const string PeopleLabeler = "people";

    /// <summary>The labeler that is a model behind the OpenAI chat API.</summary>
    public const string JudgeLabeler = "judge";

    /// <summary>Answers that the ranking page shows at most: its keys are 1 to 9.</summary>
    public const int MostAnswersOnPage = 9;

    // What is none of these is the folder of a reward model.
    private static readonly string[] Words = [GoldLabeler, PeopleLabeler, JudgeLabeler];

    /// <summary>K, answers to each prompt (InstructGPT: 4 to 9).</summary>
    public int AnswersPerPrompt { get; init; } = 4;

    /// <summary>Prompts at most, in the data's order; <c>none</c>: all.</summary>
    public int? MaxPrompts { get; init; }

    /// <summary>An answer is cut after this many tokens.</summary>
    public int MaxNewTokens { get; init; } = 256;

    /// <summary>
    /// How often a prompt is sampled again while fewer than <c>answers_per_prompt</c> of its answers differ; <c>none</c>: 3 where people are to rank (the
    /// labeler
    /// is <c>people</c> or <c>none</c>), else 0.
    /// </summary>
    public int? Resamples { get; init; }

    /// <summary>How answers are drawn.</summary>
    public SamplingOptions Sampling { get; init; } = new();

    /// <summary>Limits on the length of prompts (only <c>max_prompt_tokens</c> and <c>on_overlong</c>).</summary>
    public EncodingOptions Limits { get; init; } = new();

    /// <summary>
    /// Who ranks the answers: <c>gold</c> (the rule of the built-in quickstart world), <c>people</c> (in the browser, <c>rlhf label</c>), <c>judge</c> (a model
    /// behind an
    /// API, see <c>judge</c>) or the folder of a reward model.
    /// </summary>
    public string? Labeler { get; init; }

    /// <summary>
    /// With <c>people</c>: where they rank, an SQLite file or <c>postgres://user@host:port/database</c> (its password in the environment variable
    /// <c>PGPASSWORD</c>); <c>none</c>:
    /// <c>rankings.db</c> in the run folder.
    /// </summary>
    public string? Store { get; init; }

    /// <summary>With <c>people</c>: how many of them rank each prompt.</summary>
    public int RankingsPerPrompt { get; init; } = 1;

    /// <summary>
    /// With <c>people</c>: how many rankings are enough to go on, as a share of all that are wanted (at most 1) or as a number (above 1). May be changed when a
    /// run is resumed.
    /// </summary>
    public double Enough { get; init; } = 1;

    /// <summary>
    /// With <c>people</c>: <c>true</c> waits until enough rankings are in; <c>false</c> ends the program with exit code 3, and resuming the run looks again.
    /// May be changed when a
    /// run is resumed.
    /// </summary>
    public bool Wait { get; init; } = true;

    /// <summary>Seed of the sampling; by default derived from the recipe's seed, the stage and the round.</summary>
    public ulong? Seed { get; init; }

    /// <summary>With labeler <c>judge</c>: which model is asked, and how.</summary>
    public JudgeOptions? Judge { get; init; }

    /// <summary>How often a prompt is sampled again: <see cref="Resamples"/> or its default.</summary>
    internal int ResamplesOrDefault => Resamples ?? (Labeler is null or PeopleLabeler ? 3 : 0);

    /// <summary>Whether <see cref="Labeler"/> is the folder of a reward model.</summary>
    internal bool LabelerIsFolder => Labeler is not null && !Words.Contains(Labeler);

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Within(AnswersPerPrompt, 2, 64);
        errors.Require(MaxPrompts is null or > 0, nameof(MaxPrompts), "must be above 0, or none");
        errors.Positive(MaxNewTokens);
        errors.Require(Resamples is null or (>= 0 and <= 100), nameof(Resamples), "must be 0 to 100, or none");
        foreach (var error in Sampling.Errors())
        {
            errors.Add(nameof(Sampling), error);
        }

        errors.Require(!Sampling.IsGreedy, $"{nameof(Sampling)}.{nameof(Sampling.Temperature)}", "0 would give the same answer K times");
        Limits.ValidateForPrompts(errors.Below(nameof(Limits)));
        ValidateLabeler(errors);
    }

    private void ValidateLabeler(OptionErrors errors)
    {
        var meant = LabelerIsFolder && !Directory.Exists(Labeler) ? NearestName.Of(Path.GetFileName(Labeler!), Words) : null;
        errors.Require(meant is null, nameof(Labeler), $"there is no folder {Labeler}; did you mean '{meant}'?");
        var people = Labeler == PeopleLabeler;
        foreach (var key in (string[])[nameof(Store), nameof(RankingsPerPrompt), nameof(Enough), nameof(Wait)])
        {
            errors.NoEffect(people, key, "without labeler: people");
        }

        errors.Require(Labeler != JudgeLabeler || Judge is not null, nameof(Judge),
            "is missing; labeler: judge needs its url and model: judge: {url: https://host/v1, model: NAME}");
        errors.Require(Labeler == JudgeLabeler || Judge is null, nameof(Judge), "has no effect without labeler: judge");
        Judge?.Validate(errors.Below(nameof(Judge)));
        errors.Require(!people || AnswersPerPrompt <= MostAnswersOnPage, nameof(AnswersPerPrompt),
            $"must be 2 to {MostAnswersOnPage} with labeler: people: the ranking page shows no more");
        errors.Within(RankingsPerPrompt, 1, 100);
        PeopleStore.Validate(Store, Enough, errors);
    }
}
