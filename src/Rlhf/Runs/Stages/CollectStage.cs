using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Quickstart;
using Rlhf.Reporting;
using Rlhf.Tokenization;

namespace Rlhf.Runs.Stages;

/// <summary>K answers of the present policy to each prompt, ranked. An interrupted stage begins anew and gives the same answers; what people said is not lost.</summary>
internal static class CollectStage
{
    public static StageSummary Run(StageContext context)
    {
        var options = context.Recipe.Collect!;
        var place = context.Models.Policy;
        if (options.LabelerIsFolder)
        {
            StageTools.Check(new ModelPlace(options.Labeler!, options.Labeler!));
        }

        var (prompts, sampled) = Sample(context, options, place);
        var answers = AnswerSampler.Join(prompts, sampled, context.Ledger);
        var link = StageTools.LinkTo(place, "policy");
        var origin = new AnswerOrigin(context.Step.Round, link.Hash, options.MaxNewTokens, options.Sampling);
        var file = Path.Combine(context.Folder, RankingFile.Name);
        switch (options.Labeler)
        {
            case CollectOptions.PeopleLabeler:
                PeopleLabeler.Rank(context, answers, origin, file);
                break;
            case null:
                RankingFile.Write(file, answers, origin);
                break;
            case CollectOptions.GoldLabeler:
                ILabeler rule = new GoldRule();
                RankingFile.Write(file, answers.Select(row => row.RankedBy(rule)), origin);
                break;
            case var folder:
                using (var reward = ModelFolder.Load(context.Device, folder, HeadKind.Scalar).Decoder)
                using (var scorer = new Scorer(reward, AnswerSampler.RowBudget))
                {
                    RankingFile.Write(file, answers.Select(row => row.RankedBy(new Judged(scorer.Rewards([.. row.Sequences], [.. row.Tokens.Select(_ => row.Encoded.Tokens.Length)])))), origin);
                }

                break;
        }

        return Summary(context, link, prompts.Count, sampled.Tokens, answers, file);
    }

    private static (IReadOnlyList<(PromptRecord Record, EncodedPrompt Encoded)> Prompts, Sampled Sampled) Sample(StageContext context, CollectOptions options, ModelPlace place)
    {
        var tokenizer = StageTools.TokenizerOf(place);
        int contextLength;
        using (var folder = HuggingFaceFolder.Load(place.Folder))
        {
            contextLength = folder.Config.ContextLength;
        }

        var encoder = new SequenceEncoder(tokenizer, context.Data.FormatOf(context.Recipe.Data.Prompts), options.Limits.ForPrompts(contextLength, options.MaxNewTokens), context.Ledger);
        var prompts = StageTools.EncodePrompts(encoder, context.Data.Prompts().Train.Take(options.MaxPrompts ?? int.MaxValue));
        Sampled Draw()
        {
            using var policy = ModelFolder.Load(context.Device, place.Folder, HeadKind.Language).Decoder;
            using var progress = context.Progress.Start(context.Step.Name, prompts.Count, "prompts");
            return AnswerSampler.Sample(policy, tokenizer, [.. prompts.Select(prompt => prompt.Encoded)], options, context.SeedOf(options.Seed), progress, context.Cancellation);
        }

        // Ranking by people takes longer than a process may live.
        return (prompts, options.Labeler == CollectOptions.PeopleLabeler ? StageTools.Once(context, "sampled", Draw) : Draw());
    }

    private static StageSummary Summary(StageContext context, ModelLink policy, int prompts, long tokens, IReadOnlyList<CollectedAnswers> answers, string file)
    {
        var labeler = context.Recipe.Collect!.Labeler;
        var figures = new Dictionary<string, Figure>
        {
            [FigureNames.Prompts] = new(prompts),
            [FigureNames.Answers] = new(answers.Sum(row => row.Texts.Count)),
            ["sampled_tokens"] = new(tokens),
        };
        var summary = StageTools.SummaryOf(context, 0, figures) with { Inputs = [policy] };
        if (labeler is null)
        {
            return summary;
        }

        var rankings = RankingFile.Read(file).ToArray();
        figures["rankings"] = new Figure(rankings.Length);
        figures["pairs"] = new Figure(rankings.Sum(row => row.Pairs.Count));
        figures["ties"] = new Figure(rankings.Sum(row => row.Ties.Count));
        return summary with
        {
            Inputs = [policy, context.Recipe.Collect.LabelerIsFolder ? StageTools.LinkTo(new ModelPlace(labeler, labeler), "labeler") : new ModelLink("labeler", labeler)],
            Labelers = [.. rankings.CountBy(row => row.Labeler ?? labeler).OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => new LabelerCount(count.Key, count.Value))],
        };
    }

    private sealed class Judged(float[] scores) : ILabeler
    {
        public string Name => "reward model";

        public IReadOnlyList<double> Scores(Prompt prompt, IReadOnlyList<string> responses) => [.. scores.Select(score => (double)score)];
    }
}
