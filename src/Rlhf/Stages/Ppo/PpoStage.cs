using Rlhf.Compute;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Ppo;

/// <summary>Step 3: the roles of PPO, its training, and what came of it on held-out prompts.</summary>
internal static class PpoStage
{
    public static StageSummary Run(StageContext context)
    {
        var options = context.Recipe.Ppo!;
        var places = PlacesOf(context);
        var start = places.Single(place => place.Role == "start").Model;
        var tokenizer = StageTools.TokenizerOf(start);
        var loaded = ModelFolder.Load(context.Device, start.Folder, options.SharedTrunk ? HeadKind.Language | HeadKind.Scalar : HeadKind.Language, trainable: true);
        using var policy = loaded.Decoder;
        using var reference = context.LoadFrozen(context.Models.Supervised.Folder, HeadKind.Language).Decoder;
        using var reward = LoadReward(context, context.Models.Reward, trainable: false);
        using var value = options.SharedTrunk ? null : LoadReward(context, context.Models.Reward, trainable: true);
        using var second = context.Models.SecondReward is { } place ? LoadReward(context, place, trainable: false) : null;
        var models = new PpoModels(policy, reference, reward, value, second);

        var limits = options.Limits.ForPrompts(policy.Config.ContextLength, options.MaxNewTokens);
        var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Prompts), limits, context.Ledger);
        var (train, heldOut) = context.Data.Prompts();
        var prompts = StageTools.EncodePrompts(encoder, train);
        if (prompts.Count == 0)
        {
            throw new InputException($"{context.Step.Name}: no training prompt is left:{Environment.NewLine}{context.Ledger.ToText()}");
        }

        var pretraining = options.Ptx is { } ptx ? Pretraining(context, tokenizer, ptx, policy.Config.ContextLength) : [];
        using var host = new StageHost(context, tokenizer, options.KeepCheckpoints);
        using var arena = new Arena(context.Device); // training and evaluation use it in turn
        var judgement = new PpoJudgement(context, models, tokenizer, encoder.EndIds, StageTools.EncodePrompts(encoder, heldOut.Take(options.EvaluationPrompts)), host, arena);
        PpoTrainer? trainer = null;
        PpoResult result;
        using (trainer = new PpoTrainer(
            options, models, [.. prompts.Select(prompt => prompt.Encoded.Tokens)], encoder.EndIds, pretraining, context.SeedOf(options.Seed), host,
            step => judgement.Evaluate(step, trainer!.Scale), arena))
        {
            result = trainer.Run();
            ModelFolder.Save(policy, context.ModelFolder, loaded.Source.WithFormat(context.Data.FormatOf(context.Recipe.Data.Prompts), tokenizer), asReward: false);
        }

        // The trainer's gradients and moments are gone: there is room for the base model.
        return judgement.Summarize(result) with { Inputs = [.. places.Select(place => StageTools.LinkTo(place.Model, place.Role))] };
    }

    private static IReadOnlyList<(string Role, ModelPlace Model)> PlacesOf(StageContext context)
    {
        var places = new List<(string, ModelPlace)>
        {
            ("start", context.Models.PpoStart), ("reference", context.Models.Supervised), ("reward", context.Models.Reward),
        };
        if (context.Models.SecondReward is { } second)
        {
            places.Add(("second_reward", second));
        }

        return places;
    }

    private static Decoder LoadReward(StageContext context, ModelPlace place, bool trainable)
    {
        var loaded = trainable ? ModelFolder.Load(context.Device, place.Folder, HeadKind.Scalar, trainable: true, shifted: true) : context.LoadFrozen(place.Folder, HeadKind.Scalar, shifted: true);
        if (!loaded.HasScore)
        {
            loaded.Decoder.Dispose();
            throw new InputException($"{place.Folder}: this model has no scalar head, so it is not a reward model");
        }

        return loaded.Decoder;
    }

    private static EncodedSequence[] Pretraining(StageContext context, Tokenizer tokenizer, PtxOptions ptx, int contextLength)
    {
        var pieces = new EncodingOptions { MaxTokens = Math.Min(ptx.ContextTokens ?? contextLength, contextLength) };
        var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Text), pieces, context.Ledger);
        return [.. context.Data.Texts().Train.SelectMany(encoder.Encode)];
    }
}
