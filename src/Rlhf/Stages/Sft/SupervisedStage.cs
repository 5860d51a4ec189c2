using Rlhf.Compute;
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

/// <summary>Step 1 and pretraining: rows, start model, trainer, model, summary.</summary>
internal static class SupervisedStage
{
    public static StageSummary Pretrain(StageContext context)
    {
        var options = context.Recipe.Pretrain!;
        var start = context.Models.Base;
        var tokenizer = StageTools.TokenizerOf(start);
        return Train(context, options, start, tokenizer, contextLength =>
        {
            var pieces = new EncodingOptions { MaxTokens = Math.Min(options.ContextTokens ?? contextLength, contextLength) };
            var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Text), pieces, context.Ledger);
            var (train, heldOut) = context.Data.Texts();
            return ([.. train.SelectMany(encoder.Encode)], [.. heldOut.SelectMany(encoder.Encode)]);
        });
    }

    public static StageSummary Sft(StageContext context)
    {
        var options = context.Recipe.Sft!;
        var start = context.Models.Supervised;
        var tokenizer = StageTools.TokenizerOf(start);
        return Train(context, options, start, tokenizer, contextLength =>
        {
            var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Demonstrations), options.Limits.Within(contextLength), context.Ledger);
            var (train, heldOut) = context.Data.Demonstrations();
            return ([.. train.SelectMany(options.Encode(encoder))], [.. heldOut.SelectMany(options.Encode(encoder))]);
        });
    }

    private static StageSummary Train(
        StageContext context, SupervisedOptions options, ModelPlace start, Tokenizer tokenizer, Func<int, (List<EncodedSequence> Train, List<EncodedSequence> HeldOut)> read)
    {
        var model = ModelFolder.Load(context.Device, start.Folder, HeadKind.Language, trainable: true);
        using var decoder = model.Decoder;
        StageTools.TellNotes(context, start, decoder.Config);
        var (train, heldOut) = read(decoder.Config.ContextLength);
        if (train.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no training row is left:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        using var arena = new Arena(context.Device); // training and the judge use it in turn
        using var judge = options is SftOptions { KeepBest: KeepBest.Reward } sft ? new RewardJudge(context, sft, decoder, tokenizer, arena) : null;
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints);
        using var trainer = new SupervisedTrainer(options, decoder, train, heldOut, context.SeedOf(options.Seed), host, arena, judge is null ? null : judge.MeanReward);
        var before = heldOut.Count > 0 ? trainer.LossOf(heldOut) : (double?)null;
        var result = trainer.Run();
        var figures = new Dictionary<string, Figure>();
        if (before is { } loss)
        {
            figures[FigureNames.ValidationLossBefore] = new Figure(loss, Unit: "nats");
            figures[FigureNames.ValidationLoss] = new Figure(trainer.LossOf(heldOut), Unit: "nats");
        }

        figures["train_loss"] = new Figure(result.TrainLoss, Unit: "nats");
        figures["kept_step"] = new Figure(result.BestStep);
        figures["training_rows"] = new Figure(train.Count);
        figures["training_tokens"] = new Figure(train.Sum(row => (double)row.TrainedTokens));
        // Plain text has no prompts: only a model of demonstrations knows how they are written.
        var source = options is SftOptions ? model.Source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Demonstrations), tokenizer) : model.Source;
        ModelFolder.Save(decoder, context.ModelFolder, source, asReward: false);
        return StageTools.SummaryOf(context, result.Steps, figures) with { Inputs = [StageTools.LinkTo(start, "start")] };
    }

    /// <summary>Mean reward of the present model's answers to the held-out prompts (InstructGPT chose its SFT model so).</summary>
    private sealed class RewardJudge : IDisposable
    {
        private readonly Decoder _policy;
        private readonly Decoder _reward;
        private readonly PolicyEvaluator _evaluator;

        public RewardJudge(StageContext context, SftOptions options, Decoder policy, Tokenizer tokenizer, Arena arena)
        {
            _policy = policy;
            _reward = context.LoadFrozen(options.RewardModel!, HeadKind.Scalar, shifted: true).Decoder;
            var limits = options.Limits.ForPrompts(policy.Config.ContextLength, options.RewardMaxNewTokens);
            var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Prompts), limits, context.Ledger);
            var prompts = StageTools.EncodePrompts(encoder, context.Data.Prompts().HeldOut.Take(options.RewardPrompts));
            var settings = StageTools.Sampling(new SamplingOptions(), options.RewardMaxNewTokens, encoder.EndIds, context.SeedOf(options.Seed), options.MicroBatchTokens);
            _evaluator = new PolicyEvaluator([.. prompts.Select(prompt => prompt.Encoded)], 1, settings, tokenizer, new PolicyJudges { Reward = _reward }, options.MicroBatchTokens, arena);
        }

        public double MeanReward() => _evaluator.Evaluate(_policy).Score.Value;

        public void Dispose() => _reward.Dispose();
    }
}
