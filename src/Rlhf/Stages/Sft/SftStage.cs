using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Evaluation;
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
    public override string Name => "sft";

    public override string Summary => "Step 1: supervised fine-tuning on `data.demonstrations`.";

    public override uint SeedNumber => 1;

    public override StageReport Report { get; } = new SupervisedReport("SFT");

    protected override string DataKey => nameof(DataOptions.Demonstrations);

    protected override SftOptions WithFullPaths(SftOptions options, Func<string, string> full) =>
        options with { RewardModel = options.RewardModel is { } folder ? full(folder) : null };

    public override IReadOnlyList<StageInput> Reads(Recipe recipe)
    {
        var options = OptionsOf(recipe);
        const string Judged = "sft.keep_best: reward";
        return options.KeepBest == KeepBest.Reward
            ? [.. base.Reads(recipe), new StageInput("sft.reward_model", Judged, options.RewardModel), .. Prompts(Judged)]
            : base.Reads(recipe);
    }

    protected override (List<EncodedSequence> Train, List<EncodedSequence> HeldOut) Read(StageReader reader, SftOptions options)
    {
        var encoder = reader.Encoder(reader.Recipe.Data.Demonstrations, options.Limits);
        IEnumerable<EncodedSequence> Encode(Demonstration row) => encoder.Encode(row, options.TrainOn, options.TrainOnPrompt);
        var (train, heldOut) = reader.Data.Demonstrations();
        return ([.. train.SelectMany(Encode)], [.. heldOut.SelectMany(Encode)]);
    }

    protected override void Planned(StagePlanning planning, IReadOnlyList<EncodedSequence> rows) =>
        planning.DemonstratedTokens = rows.Average(static row => (double)row.ResponseLength);

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
        var prompts = StageReader.Encode(encoder, context.Data.Prompts().HeldOut.Take(options.RewardPrompts));
        var settings =
            StageTools.Sampling(new SamplingOptions(), options.RewardMaxNewTokens, encoder.EndIds, context.SeedOf(options.Seed), options.MicroBatchTokens);
        var reward = context.LoadFrozen(options.RewardModel!, HeadKind.Scalar, shifted: true);
        return new ModelJudge(decoder, reward, new PolicyEvaluator(
            [.. prompts.Select(prompt => prompt.Encoded)], 1, settings, reader.Tokenizer, new PolicyJudges { Reward = reward }, options.MicroBatchTokens,
            arena));
    }
}
