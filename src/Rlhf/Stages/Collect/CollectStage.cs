using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Collect;

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
        var judging = Rank(context, answers, origin, file);
        return Summary(context, link, prompts.Count, sampled.Tokens, answers, file, judging);
    }

    /// <summary>Writes the ranked rows; what the ranking itself took, as figures.</summary>
    private static IReadOnlyDictionary<string, Figure> Rank(StageContext context, IReadOnlyList<CollectedAnswers> answers, AnswerOrigin origin, string file)
    {
        var options = context.Recipe.Collect!;
        switch (options.Labeler)
        {
            case null:
                RankingFile.Write(file, answers, origin);
                break;
            case CollectOptions.PeopleLabeler:
                PeopleLabeler.Rank(context, answers, origin, file);
                break;
            case CollectOptions.JudgeLabeler:
                using (var judge = new JudgeLabeler(options.Judge!, answers, Path.Combine(context.Folder, "judgements.jsonl")))
                {
                    judge.Ask(context.Progress, context.Step.Name, context.Cancellation);
                    RankingFile.Write(file, judge.Rank(), origin);
                    return judge.Figures();
                }

            case CollectOptions.GoldLabeler:
                ILabeler rule = new GoldRule();
                RankingFile.Write(file, answers.Select(row => row.RankedBy(rule)), origin);
                break;
            case var folder:
                using (var reward = context.LoadFrozen(folder, HeadKind.Scalar).Decoder)
                using (var scorer = new Scorer(reward, AnswerSampler.RowBudget))
                {
                    double[] ScoresOf(CollectedAnswers row) => [.. scorer.Rewards([.. row.Sequences], [.. row.Tokens.Select(_ => row.Encoded.Tokens.Length)])];
                    RankingFile.Write(file, answers.Select(row => row.RankedBy(new GivenScores("reward model", ScoresOf(row)))), origin);
                }

                break;
        }

        return new Dictionary<string, Figure>();
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
            using var policy = context.LoadFrozen(place.Folder, HeadKind.Language).Decoder;
            using var progress = context.Progress.Start(context.Step.Name, prompts.Count, "prompts");
            return AnswerSampler.Sample(policy, tokenizer, encoder.EndIds, [.. prompts.Select(prompt => prompt.Encoded)], options, context.SeedOf(options.Seed), progress, context.Cancellation);
        }

        // Ranking by people takes longer than a process may live.
        return (prompts, options.Labeler == CollectOptions.PeopleLabeler ? StageTools.Once(context, "sampled", Draw) : Draw());
    }

    private static StageSummary Summary(StageContext context, ModelLink policy, int prompts, long tokens, IReadOnlyList<CollectedAnswers> answers, string file,
        IReadOnlyDictionary<string, Figure> judging)
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
        foreach (var (name, figure) in judging)
        {
            figures[name] = figure;
        }

        return summary with
        {
            Inputs = [policy, LabelerLink(context.Recipe.Collect)],
            Labelers = [.. rankings.CountBy(row => row.Labeler ?? labeler).OrderBy(count => count.Key, StringComparer.Ordinal).Select(count => new LabelerCount(count.Key, count.Value))],
        };
    }

    private static ModelLink LabelerLink(CollectOptions options) => options switch
    {
        { LabelerIsFolder: true } => StageTools.LinkTo(new ModelPlace(options.Labeler!, options.Labeler!), "labeler"),
        { Labeler: CollectOptions.JudgeLabeler } => new ModelLink("labeler", JudgeLabeler.NameOf(options.Judge!)),
        _ => new ModelLink("labeler", options.Labeler!),
    };
}
