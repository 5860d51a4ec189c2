using System.Text.Json;
using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

/// <summary>Every loss of pairs in losses.json and dpo_ipo.json; names, shapes and constants are the files'.</summary>
public class PreferenceReferenceTests
{
    private static readonly JsonElement File = Golden.Load("losses.json")["preference"];
    private static readonly Golden Older = Golden.Load("dpo_ipo.json");

    private static readonly Dictionary<string, PreferenceObjective> Objectives = new()
    {
        ["dpo"] = PreferenceObjective.Dpo,
        ["ld_dpo"] = PreferenceObjective.Dpo,
        ["cdpo"] = PreferenceObjective.Cdpo,
        ["robust"] = PreferenceObjective.Robust,
        ["ipo"] = PreferenceObjective.Ipo,
        ["hinge"] = PreferenceObjective.Hinge,
        ["sppo_hard"] = PreferenceObjective.SppoHard,
        ["apo_zero"] = PreferenceObjective.ApoZero,
        ["apo_down"] = PreferenceObjective.ApoDown,
        ["nca_pair"] = PreferenceObjective.NcaPair,
        ["exo_pair"] = PreferenceObjective.ExoPair,
        ["bco_pair"] = PreferenceObjective.BcoPair,
        ["aot"] = PreferenceObjective.Aot,
        ["simpo"] = PreferenceObjective.Simpo,
        ["cpo"] = PreferenceObjective.Cpo,
        ["orpo"] = PreferenceObjective.Orpo,
    };

    public static TheoryData<string> Cases => [.. File.GetProperty("cases").EnumerateObject().Select(one => one.Name)];

    public static TheoryData<string> CasesOfOthers =>
    [
        .. from one in File.GetProperty("cases").EnumerateObject()
           let trl = one.Value.GetProperty("trl")
           where trl.ValueKind == JsonValueKind.Object && !trl.GetProperty("same").GetBoolean()
           select one.Name,
    ];

    [Theory]
    [MemberData(nameof(Cases))]
    public void Loss_and_gradients_are_the_references(string name)
    {
        var expected = File.GetProperty("cases").GetProperty(name);
        var pairs = Pairs();
        var (statistics, better, worse, prompts) = pairs.Compute(OptionsOf(name, expected), ShiftOf(name, expected, pairs));
        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed("dloss_dchosen", Chosen), better);
        Golden.Equal(expected.Packed("dloss_drejected", Rejected), worse);
        if (expected.TryGetProperty("accuracy", out var accuracy))
        {
            Golden.Equal(accuracy.GetDouble(), statistics.Accuracy);
            Golden.Equal(expected.Doubles("implicit_rewards_chosen").Average(), statistics.BetterReward);
            Golden.Equal(expected.Doubles("implicit_rewards_rejected").Average(), statistics.WorseReward);
            Golden.Equal(expected.Doubles("reward_margins").Average(), statistics.MeanMargin);
        }

        if (prompts.Length > 0)
        {
            double[] slopes =
            [
                .. expected.GetProperty("dloss_dprompt_of_chosen").EnumerateArray().SelectMany(row => row.EnumerateArray().Select(e => e.GetDouble())),
            ];
            Golden.Equal(slopes, prompts);
        }
    }

    [Theory]
    [MemberData(nameof(Cases))]
    public void Parts_of_a_batch_add_up_to_the_whole(string name)
    {
        var expected = File.GetProperty("cases").GetProperty(name);
        var options = OptionsOf(name, expected);
        if (options.LikelihoodMean == LikelihoodMean.BatchTokensWithPrompts)
        {
            return; // other rows; the sums are the same code
        }

        var pairs = Pairs();
        var shift = ShiftOf(name, expected, pairs);
        var parts = Enumerable.Range(0, Chosen.Length).Select(i => pairs.Compute(options, pairs.Policy, [i], shift)).ToArray();
        Golden.Equal(expected.Number("loss"), parts.Sum(part => part.Statistics.Loss));
        for (var token = 0; token < Chosen.Sum(); token++)
        {
            Golden.Equal(expected.Packed("dloss_dchosen", Chosen)[token], parts.Sum(part => part.Better[token]));
        }

        if (expected.TryGetProperty("per_pair", out var perPair))
        {
            for (var i = 0; i < parts.Length; i++)
            {
                Golden.Equal(perPair[i].GetDouble(), pairs.Compute(options, pairs.Policy, [i], shift, alone: true).Statistics.Loss);
            }
        }
    }

    /// <summary>Who brings TRL's settings finds TRL's number by naming the variant.</summary>
    [Theory]
    [MemberData(nameof(CasesOfOthers))]
    public void The_named_variant_gives_trls_number(string name)
    {
        var expected = File.GetProperty("cases").GetProperty(name);
        var paper = OptionsOf(name, expected);
        var (options, added) = paper.Objective switch
        {
            PreferenceObjective.Cdpo => (paper with { Objective = PreferenceObjective.Dpo }, 0),
            PreferenceObjective.Ipo => (paper with { LengthNormalized = true }, 0),
            PreferenceObjective.ApoZero or PreferenceObjective.ApoDown => (paper, 1), // a constant, the same gradient
            PreferenceObjective.BcoPair => (paper, 0), // without the shift
            PreferenceObjective.Cpo => (paper with { LikelihoodMean = LikelihoodMean.BatchTokens }, 0),
            PreferenceObjective.Orpo => (paper with { LikelihoodMean = LikelihoodMean.BatchTokensWithPrompts }, 0),
            _ => throw new InvalidOperationException($"{name}: no variant is named for what TRL does here."),
        };
        var trl = expected.GetProperty("trl");
        var (statistics, better, _, _) = Pairs().Compute(options);
        Golden.Equal(trl.Number("loss"), statistics.Loss + added);
        if (trl.TryGetProperty("dloss_dchosen", out _))
        {
            Golden.Equal(trl.Packed("dloss_dchosen", Chosen), better);
        }
    }

    [Fact]
    public void Far_out_values_are_exact()
    {
        var e = File.GetProperty("extreme").Number("label_smoothing");
        foreach (var row in File.GetProperty("extreme").GetProperty("rows").EnumerateArray())
        {
            var x = row.Number("x");
            Near(row, "minus_log_sigmoid", PairLoss.Smoothed(x, 0));
            Near(row, "cdpo", PairLoss.Smoothed(x, e));
            Near(row, "robust", PairLoss.Robust(x, e));
        }

        foreach (var row in File.GetProperty("log_odds").EnumerateArray())
        {
            var (odds, slope) = PairLoss.LogOdds(row.Number("mean_logprob"));
            Near(row.Number("log_odds"), odds);
            Near(row.Number("derivative"), slope);
        }
    }

    [Theory]
    [InlineData("dpo")]
    [InlineData("dpo_label_smoothing")]
    [InlineData("ipo_sum")]
    [InlineData("ipo_token_mean")]
    public void The_first_fixture_agrees(string name)
    {
        var expected = Older["cases"].GetProperty(name);
        var (chosen, rejected) = (Older.Root.Ints("chosen_lengths"), Older.Root.Ints("rejected_lengths"));
        var pairs = new PreferencePairs(chosen, rejected,
            [.. Older.Root.PackedFloats("policy_chosen_logprobs", chosen), .. Older.Root.PackedFloats("policy_rejected_logprobs", rejected)],
            [.. Older.Root.PackedFloats("ref_chosen_logprobs", chosen), .. Older.Root.PackedFloats("ref_rejected_logprobs", rejected)]);
        var isIpo = name.StartsWith("ipo", StringComparison.Ordinal);
        var options = new PreferenceLossOptions
        {
            Objective = isIpo ? PreferenceObjective.Ipo : name == "dpo" ? PreferenceObjective.Dpo : PreferenceObjective.Cdpo,
            Beta = Older.Root.Number(isIpo ? "tau" : "beta"),
            LengthNormalized = name == "ipo_token_mean",
            LabelSmoothing = expected.TryGetProperty("label_smoothing", out var smoothing) ? smoothing.GetDouble() : 0,
        };
        var (statistics, better, worse, _) = pairs.Compute(options);
        Golden.Equal(expected.Number("loss"), statistics.Loss);
        Golden.Equal(expected.Packed("dloss_dpolicy_chosen", chosen), better);
        Golden.Equal(expected.Packed("dloss_dpolicy_rejected", rejected), worse);
    }

    private static int[] Chosen => File.Ints("chosen_lengths");

    private static int[] Rejected => File.Ints("rejected_lengths");

    internal static PreferencePairs Pairs() => new(Chosen, Rejected,
        [.. File.PackedFloats("policy_chosen", Chosen), .. File.PackedFloats("policy_rejected", Rejected)],
        [.. File.PackedFloats("ref_chosen", Chosen), .. File.PackedFloats("ref_rejected", Rejected)], File.GetProperty("policy_prompt_of_chosen"));

    private static PreferenceLossOptions OptionsOf(string name, JsonElement one)
    {
        double Read(string key, double otherwise) => one.TryGetProperty(key, out var value) ? value.GetDouble() : otherwise;
        var objective = Objectives.Where(entry => name == entry.Key || name.StartsWith(entry.Key + "_", StringComparison.Ordinal))
            .OrderByDescending(entry => entry.Key.Length).Select(entry => (PreferenceObjective?)entry.Value).FirstOrDefault()
            ?? throw new InvalidOperationException($"losses.json has a case '{name}' that no test knows.");
        var isLikely = objective is PreferenceObjective.Cpo or PreferenceObjective.Orpo || name.EndsWith("nll", StringComparison.Ordinal);
        return new PreferenceLossOptions
        {
            Objective = objective,
            Beta = Read("beta", Read("tau", Read("lambda_", double.NaN))),
            LabelSmoothing = Read("label_smoothing", 0),
            Gamma = Read("gamma", 0),
            ExtraTokenWeight = Read("ld_alpha", 1),
            LengthNormalized = name.EndsWith("length_normalised", StringComparison.Ordinal) || name == "ipo_token_mean",
            LikelihoodCoefficient = isLikely ? 1 : 0,
            LikelihoodMean = name.EndsWith("prompt_in_nll", StringComparison.Ordinal) ? LikelihoodMean.BatchTokensWithPrompts
                : name.EndsWith("nll", StringComparison.Ordinal) ? LikelihoodMean.BatchTokens
                : objective == PreferenceObjective.Cpo ? LikelihoodMean.AnswerSum : LikelihoodMean.Answer,
        };
    }

    private static double ShiftOf(string name, JsonElement one, PreferencePairs pairs)
    {
        if (!one.TryGetProperty("delta", out var delta))
        {
            return 0;
        }

        // As the stage takes it: the mean implicit reward of the batch.
        var statistics = pairs.Compute(OptionsOf(name, one)).Statistics;
        var shift = (statistics.BetterRewardSum + statistics.WorseRewardSum) / (statistics.Better + statistics.Worse);
        Golden.Equal(delta.GetDouble(), shift);
        return shift;
    }

    private static void Near(JsonElement row, string name, (double Loss, double Slope) found)
    {
        Near(row.Number(name), found.Loss);
        Near(row.Number($"{name}_derivative"), found.Slope);
    }

    private static void Near(double expected, double found) =>
        Assert.True(Math.Abs(expected - found) <= (1e-9 * Math.Abs(expected)) + 1e-300, $"expected {expected}, found {found}");
}
