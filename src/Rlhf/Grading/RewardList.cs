using Rlhf.Data;

namespace Rlhf.Grading;

/// <summary>A list of sources of rewards in a recipe.</summary>
public interface IRewardList
{
    /// <summary>The sources.</summary>
    IReadOnlyList<RewardSourceOptions> Rewards { get; }

    /// <summary>How their numbers become one.</summary>
    RewardCombination Combine { get; }

    /// <summary>Of <see cref="RewardCombination.MeanMinusSpread"/>.</summary>
    double SpreadCoefficient { get; }
}

/// <summary>What stages with a list of rewards have in common.</summary>
internal static class RewardList
{
    /// <summary>The fields of prompts' rows that a list reads.</summary>
    /// <param name="list">The list.</param>
    /// <param name="section">The key of the section: <c>ppo</c>.</param>
    public static IEnumerable<ReferenceField> ReferencesOf(IRewardList list, string section) =>
        from source in list.Rewards.Index()
        where source.Item.Reference is not null
        select new ReferenceField(
            source.Item.Reference!, $"{section}.rewards[{source.Index}].reference", text => source.Item.Rule?.ProblemWith(text));

    /// <summary>Adds what is wrong with a list to <paramref name="errors"/>.</summary>
    public static void Validate(IRewardList list, OptionErrors errors)
    {
        errors.Require(list.Rewards.Count <= Limits.RewardSources, nameof(list.Rewards), $"has more than {Limits.RewardSources} sources");
        string[] names = [.. list.Rewards.Select(static source => source.ShownName)];
        errors.Require(names.Distinct().Count() == names.Length, nameof(list.Rewards), "has two sources of one name; give them a name each");
        foreach (var (i, source) in list.Rewards.Index())
        {
            var own = errors.Below($"{nameof(list.Rewards)}[{i}]");
            source.Validate(own);
            own.NoEffect(
                list.Combine is RewardCombination.Sum or RewardCombination.Mean, nameof(source.Weight), $"with combine: {SnakeCase.Of(list.Combine)}");
        }

        errors.NoEffect(list.Rewards.Count > 1, nameof(list.Combine), "with fewer than two rewards");
        errors.NoEffect(list.Combine == RewardCombination.MeanMinusSpread, nameof(list.SpreadCoefficient), "without combine: mean_minus_spread");
        errors.NotNegative(list.SpreadCoefficient);
        errors.Require(list.Combine != RewardCombination.Mean || list.Rewards.Count == 0 || list.Rewards.Sum(static source => source.Weight) > 0,
            nameof(list.Combine), "mean needs weights whose sum is above 0");
    }

    /// <summary>The sources at work.</summary>
    /// <param name="list">The list.</param>
    /// <param name="section">The key of the section: <c>ppo</c>.</param>
    /// <param name="folder">The stage's folder, where judges keep what they said.</param>
    /// <param name="model">Gives the grader of a source that is a model.</param>
    /// <exception cref="InputException">A judge's key is not there, or what it said is damaged.</exception>
    public static AnswerRewards Open(IRewardList list, string section, string folder, Func<RewardSourceOptions, IGrader> model)
    {
        var sources = new List<RewardSource>();
        try
        {
            foreach (var (i, options) in list.Rewards.Index())
            {
                var own = $"{section}.rewards[{i}]";
                IGrader grader = options switch
                {
                    { Rule: not null } => new RuleGrader(options),
                    { Judge: { } judge } => new RubricGrader(
                        judge, $"{own}.judge", options.Reference, Path.Combine(folder, $"judgements-{options.ShownName}.jsonl")),
                    { Program.Count: > 0 } => new ProgramGrader(options, own),
                    _ => model(options),
                };
                sources.Add(new RewardSource(options.ShownName, options.Weight, options.Normalize, grader));
            }

            return new AnswerRewards(sources, list.Combine, list.SpreadCoefficient);
        }
        catch
        {
            sources.ForEach(static source => source.Grader.Dispose());
            throw;
        }
    }
}
