using System.Text.Json;
using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

/// <summary>The numbers of losses.json below <c>policy</c>, and what its cases are here: names, shapes and constants are the file's.</summary>
internal static class GroupCases
{
    public static JsonElement Numbers { get; } = Golden.Load("losses.json")["policy"];

    public static int[] Lengths => Numbers.Ints("lengths");

    public static int[] Offsets => Golden.Offsets(Lengths);

    public static int Group => Numbers.GetProperty("G").GetInt32();

    /// <summary>The loss of whole answers; advantages of answers or of tokens.</summary>
    public static GroupLossStatistics Compute(
        float[] policy, float[] old, float[] reference, float[] sampler, int[] offsets, float[] advantages, GroupLossOptions options, float[] gradient,
        GroupTotals? totals = null) => GroupLoss.Compute(
            new PolicyAnswers
            {
                LogProbabilities = policy,
                OldLogProbabilities = old,
                ReferenceLogProbabilities = reference,
                SamplerLogProbabilities = sampler,
                Advantages = advantages.Length == policy.Length ? advantages : PerToken(advantages, offsets),
                Offsets = offsets,
            },
            totals ?? new GroupTotals(offsets.Length - 1, offsets[^1]), options, gradient);

    public static float[] PerToken(float[] answers, int[] offsets) =>
        [.. answers.SelectMany((advantage, row) => Enumerable.Repeat(advantage, offsets[row + 1] - offsets[row]))];

    /// <summary>Answers [from, to) as a part of all.</summary>
    public static GroupLossStatistics Rows(
        float[] policy, float[] advantages, GroupLossOptions options, int from, int to, float[] gradient, GroupTotals? totals = null)
    {
        var (first, last) = (Offsets[from], Offsets[to]);
        var part = new float[last - first];
        var statistics = Compute(
            policy[first..last], PackedFloats("old")[first..last], PackedFloats("ref")[first..last], PackedFloats("sampler")[first..last],
            [.. Offsets[from..(to + 1)].Select(offset => offset - first)], advantages[first..last], options, part,
            totals ?? new GroupTotals(Lengths.Length, Offsets[^1]));
        part.CopyTo(gradient, first);
        return statistics;
    }

    public static float[] PolicyOf(JsonElement one) => PackedFloats(one.TryGetProperty("dloss_dclose", out _) ? "close" : "new");

    public static float[] PackedFloats(string name) => Numbers.PackedFloats(name, Lengths);

    public static double KlCoefficient(string name) => Numbers.GetProperty("cases").GetProperty(name).Number("kl_beta");

    public static float[] Kl()
    {
        var kl = new float[Offsets[^1]];
        KlEstimators.PerToken(KlEstimator.K1, PackedFloats("old"), PackedFloats("ref"), kl);
        return kl;
    }

    public static float[] AdvantagesNamed(string name)
    {
        var (rewards, answers, tokens) = (Numbers.Floats("rewards"), new float[Lengths.Length], new float[Offsets[^1]]);
        var penalised = new float[rewards.Length];
        Rewards.PerAnswer(Kl(), Offsets, rewards, KlCoefficient("reinforce_pp"), penalised);
        switch (name)
        {
            case "grpo": GroupAdvantages.Normalised(rewards, Group, answers); return answers;
            case "dr_grpo": GroupAdvantages.MeanOnly(rewards, Group, answers); return answers;
            case "batch_std": GroupAdvantages.BatchNormalised(rewards, Group, answers); return answers;
            case "loo": GroupAdvantages.LeaveOneOut(rewards, Group, answers); return answers;
            case "loo_with_kl": GroupAdvantages.LeaveOneOut(penalised, Group, answers); return answers;
            case "loo_mean_and_std": GroupAdvantages.LeaveOneOutNormalised(rewards, Group, answers); return answers;
            case "reinforce_pp" or "reinforce_pp_unbiased":
                Rewards.ToCome(Kl(), Offsets, rewards, KlCoefficient("reinforce_pp"), tokens);
                Whitening.Whiten(tokens, tokens, unbiased: name.EndsWith("unbiased", StringComparison.Ordinal));
                return tokens;
            case "reinforce_pp_baseline":
                GroupAdvantages.MeanOnly(rewards, Group, answers);
                tokens = PerToken(answers, Offsets);
                Whitening.Whiten(tokens, tokens);
                return tokens;
            default: throw new InvalidOperationException($"losses.json has an advantage '{name}' that no test knows.");
        }
    }

    /// <summary>The advantages of a case, which its formula names where they are not GRPO's.</summary>
    public static float[] AdvantagesOf(string name, JsonElement one)
    {
        var named = name switch
        {
            "dr_grpo" or "reinforce_pp" or "reinforce_pp_baseline" => name,
            _ when name.StartsWith("rloo", StringComparison.Ordinal) => "loo_with_kl",
            _ => "grpo",
        };
        var formula = one.GetProperty("formula").GetString()!;
        Assert.True(!formula.Contains("A = advantages.", StringComparison.Ordinal)
            || formula.Contains($"A = advantages.{named}", StringComparison.Ordinal), formula);
        var advantages = AdvantagesNamed(named);
        return advantages.Length == Offsets[^1] ? advantages : PerToken(advantages, Offsets);
    }

    public static GroupLossOptions OptionsOf(string name, JsonElement one)
    {
        double? Read(JsonElement element, string key) => element.TryGetProperty(key, out var value) ? value.GetDouble() : null;
        var isImportance = name.StartsWith("importance_", StringComparison.Ordinal);
        var clips = isImportance || one.TryGetProperty("groups_kept", out _) ? Numbers.GetProperty("cases").GetProperty("dapo") : one;
        var clip = clips.TryGetProperty("clip", out var range) ? range : default;
        var options = new GroupLossOptions
        {
            ClipLow = clip.ValueKind == JsonValueKind.Array ? clip[0].GetDouble() : Read(one, "log_clip") ?? double.NaN,
            ClipHigh = clip.ValueKind == JsonValueKind.Array
                ? clip[1].GetDouble()
                : Read(one, "eps_high") ?? Read(one, "log_clip") ?? Read(one, "cap") ?? double.NaN,
            KlCoefficient = name is "reinforce_pp" ? 0 : Read(one, "kl_beta") ?? 0, // there it is in the reward
            KlEstimator = name == "reinforce_pp_baseline" ? KlEstimator.K2 : KlEstimator.K3,
            MaximumLength = (int?)Read(one, "max_len"),
            ImportanceCap = Read(one, "C"),
            ImportanceOfAnswers = name.Contains("_sequence_", StringComparison.Ordinal),
            ImportanceExcess = name.EndsWith("_mask", StringComparison.Ordinal) ? ImportanceExcess.Mask : ImportanceExcess.Truncate,
            Aggregation = LossAggregation.Tokens,
        };
        return name switch
        {
            "grpo" => options with { Aggregation = LossAggregation.Answers },
            "dr_grpo" => options with { Aggregation = LossAggregation.Constant },
            "dapo" or "dapo_equal_groups_dropped" or "bnpo" or "reinforce_pp" or "reinforce_pp_baseline" => options,
            "dual_clip" => options with { DualClip = Read(one, "cap") },
            "gspo" or "gspo_wide" => options with { Aggregation = LossAggregation.Answers, Ratio = RatioUnit.AnswerMean },
            "cispo" => options with { Surrogate = PolicySurrogate.ClippedWeight },
            "cispo_trl_epsilon" => options with { Surrogate = PolicySurrogate.CappedWeight },
            "rloo" => options with { Aggregation = LossAggregation.Answers, Ratio = RatioUnit.AnswerSum },
            "rloo_reinforce" => options with { Aggregation = LossAggregation.Answers, Ratio = RatioUnit.AnswerSum, Surrogate = PolicySurrogate.Reinforce },
            "sapo" => options with { Aggregation = LossAggregation.Answers, Surrogate = PolicySurrogate.Soft },
            "gmpo" => options with { Aggregation = LossAggregation.Answers, Surrogate = PolicySurrogate.GeometricMean },
            _ when isImportance => options,
            _ => throw new InvalidOperationException($"losses.json has a case '{name}' that no test knows."),
        };
    }
}
