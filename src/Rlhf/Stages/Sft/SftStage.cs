using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Data.Tables;
using Rlhf.Evaluation;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Stages.Sft;

/// <summary>Step 1: supervised fine-tuning on demonstrations.</summary>
internal sealed class SftStage : SupervisedStage<SftOptions>
{
    // What a person's answer takes in a plan.
    private const int ExpectedAnswerTokens = 100;

    public override string Name => "sft";

    public override string Summary => "Step 1: supervised fine-tuning on `data.demonstrations`, or on what people write.";

    public override uint SeedNumber => 1;

    public override StageReport Report { get; } = new SupervisedReport("SFT");

    protected override string DataKey => nameof(DataOptions.Demonstrations);

    protected override SftOptions WithFullPaths(SftOptions options, Func<string, string> full) =>
        options with
        {
            RewardModel = options.RewardModel is { } folder ? full(folder) : null,
            People = options.People is { } people ? people with { Store = PeopleStore.Full(people.Store, full) } : null,
        };

    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var options = OptionsOf(recipe);
        const string Judged = "sft.keep_best: reward";
        var rows = options.Writers is null ? base.Reads(recipe) : Prompts("sft.demonstrations: people");
        return options.KeepBest == KeepBest.Reward
            ? [.. rows, new StageInput("sft.reward_model", Judged, options.RewardModel, Scores: true), .. Prompts(Judged)]
            : rows;
    }

    protected override (HeldOutRule? Rule, string Key) HeldOutOf(Recipe recipe, SftOptions options) =>
        options.Writers is { } writers ? (writers.HeldOut, "sft.people.held_out") : base.HeldOutOf(recipe, options);

    public override StageSummary Run(StageContext context)
    {
        if (DropoutNote(context.Recipe, OptionsOf(context.Recipe)) is { } note)
        {
            context.Progress.Line($"{context.Step.Name}: {note}");
        }

        if (OptionsOf(context.Recipe).Writers is not { } writers)
        {
            return base.Run(context);
        }

        var file = Path.Combine(context.Folder, PeopleWriters.FileName);
        var store = writers.Store ?? Path.Combine(context.Run.FullPath, "rankings.db");
        new PeopleWriters(new PeopleSettings(store, writers.PerPrompt, writers.Enough, writers.Wait, $"{Name}.people"), context.Step.Name).Collect(
            context.Data.FirstPrompts(heldOut: false, writers.MaxPrompts ?? int.MaxValue), file, $"{Path.GetFileName(context.Run.FullPath)}/demonstrations",
            context.Progress, context.Cancellation);
        context.Data.TakeDemonstrations(new DataSource { Path = [file], HeldOut = writers.HeldOut });
        return base.Run(context) with { Labelers = LabelersOf(file) };
    }

    private static IReadOnlyList<LabelerCount> LabelersOf(string file) =>
    [
        .. DataRows.Read(file).Select(row => new RowFields(row, new Dictionary<string, string>()).FindName("labeler")!).CountBy(name => name)
            .OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => new LabelerCount(count.Key, count.Value)),
    ];

    /// <summary>What somebody who fine-tunes a pretrained model should know of a default that they did not choose; null where there is nothing.</summary>
    internal static string? DropoutNote(Recipe recipe, SftOptions options) =>
        recipe.Base.Model is not null && options.Dropout > 0 && !recipe.Written.Given.Contains("sft.dropout")
            ? FormattableString.Invariant(
                $"sft.dropout is {options.Dropout} by default, as InstructGPT's; TRL and OpenRLHF train pretrained models without: write sft.dropout: 0, or {options.Dropout} to keep it")
            : null;

    protected override (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Read(
        StageContext context, StageReader reader, SftOptions options) => Read(reader, options);

    private static (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Read(StageReader reader, SftOptions options)
    {
        if (options.Writers is { } writers && !reader.Data.HasDemonstrations)
        {
            return Expected(reader, options, writers);
        }

        var encoder = reader.Encoder(reader.Recipe.Data.Demonstrations, options.Limits);
        return reader.Store(reader.Data.Demonstrations(), row => encoder.Encode(row, options.TrainOn, options.TrainOnPrompt), EncodedCodecs.Sequence);
    }

    /// <summary>For the plan, before anybody has written: the prompts with answers of a guessed length.</summary>
    private static (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Expected(
        StageReader reader, SftOptions options, WritersOptions writers)
    {
        var answer = Math.Min(ExpectedAnswerTokens, reader.ContextLength / 2);
        var asked = reader.Data.FirstPrompts(heldOut: false, writers.MaxPrompts ?? int.MaxValue);
        var prompts = StageReader.Encode(reader.PromptEncoder(options.Limits, answer), asked);
        var rows = prompts.SelectMany(prompt => Enumerable.Repeat(prompt.Encoded, writers.PerPrompt))
            .Select(prompt => new EncodedSequence([.. prompt.Tokens, .. new int[answer]], prompt.Tokens.Length, null, "", Truncated: false)).ToList();
        var held = (int)(rows.Count * writers.HeldOut);
        return reader.Store(rows.Select((row, at) => (row, at < held)), row => [row], EncodedCodecs.Sequence);
    }

    public override StagePlan Plan(StagePlanning planning)
    {
        var options = OptionsOf(planning.Recipe);
        var rows = Read(planning.Reader, options);
        var plan = PlanOf(planning, options, rows);
        planning.DemonstratedTokens = rows.Train.Average(static row => (double)row.ResponseLength);
        return plan;
    }

    // Plain text has no prompts: only a model of demonstrations knows how they are written.
    protected override ModelSource SourceOf(StageContext context, ModelSource source, Tokenizer tokenizer) =>
        source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Demonstrations), tokenizer);

    protected override ModelJudge? CreateJudge(StageContext context, StageReader reader, SftOptions options, Decoder decoder, Arena arena)
    {
        if (options.KeepBest != KeepBest.Reward)
        {
            return null;
        }

        var encoder = reader.PromptEncoder(options.Limits, options.RewardMaxNewTokens);
        var prompts = StageReader.Encode(encoder, reader.Data.FirstPrompts(heldOut: true, options.RewardPrompts));
        var settings =
            StageTools.Sampling(new SamplingOptions(), options.RewardMaxNewTokens, encoder.EndIds, context.SeedOf(options.Seed), options.MicroBatchTokens);
        var reward = context.LoadFrozen(options.RewardModel!, HeadKind.Scalar, shifted: true);
        return new ModelJudge(decoder, reward, new PolicyEvaluator(
            [.. prompts.Select(prompt => prompt.Encoded)], 1, settings, reader.Tokenizer, new PolicyJudges { Reward = reward }, options.MicroBatchTokens,
            arena));
    }
}
