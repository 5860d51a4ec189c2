using Rlhf.Objectives;

namespace Rlhf.Tests.Objectives;

public class PreferenceLossTests
{
    public static TheoryData<PreferenceObjective> Losses =>
        [.. Enum.GetValues<PreferenceObjective>().Where(one => one is not (PreferenceObjective.Kto or PreferenceObjective.Aot))];

    [Theory]
    [MemberData(nameof(Losses))]
    public void Gradients_are_those_of_the_loss(PreferenceObjective objective)
    {
        var options = new PreferenceLossOptions { Objective = objective, Beta = 0.3, LabelSmoothing = 0.1, Gamma = 0.5, LikelihoodCoefficient = 0.2 };
        Check(options);
        if (!options.IsMean && options.HasReference)
        {
            Check(options with { LengthNormalized = true });
            Check(options with { ExtraTokenWeight = 0.4, LikelihoodMean = LikelihoodMean.BatchTokens });
        }
    }

    [Fact]
    public void With_two_answers_plackett_luce_is_dpo()
    {
        var (policy, reference, offsets) = Answers();
        var (one, other) = (new float[policy.Length], new float[policy.Length]);
        var whole = PlackettLuceLoss.Compute(new(policy, reference, offsets), [new(0, [0, 1]), new(2, [1, 0])], 0.3, 2, one);
        var pairs = PreferenceLoss.Compute(
            new(policy, reference, offsets), [new(0, 1), new(3, 2)], new(2, 1), new PreferenceLossOptions { Beta = 0.3 }, other);

        Assert.Equal(pairs.Loss, whole.Loss, 12);
        Assert.Equal(other.Select(value => value * 1.0), one.Select(value => value * 1.0), (a, b) => Math.Abs(a - b) < 1e-6);
        Assert.Equal(pairs with { Loss = 0 }, whole with { Loss = 0 });
    }

    [Fact]
    public void Plackett_luce_of_a_ranking_is_the_product_of_choices_and_its_gradient_is_its_slope()
    {
        var (policy, reference, offsets) = Answers();
        AnswerOrder[] orders = [new(0, [2, 0, 0, 1])];
        double LossOf(float[] at) => PlackettLuceLoss.Compute(new(at, reference, offsets), orders, 0.3, 1, new float[at.Length]).Loss;

        var answers = new AnswerLogProbabilities(policy, reference, offsets);
        double[] e = [Math.Exp(0.3 * answers.Sum(0)), Math.Exp(0.3 * answers.Sum(1)), Math.Exp(0.3 * answers.Sum(2)), Math.Exp(0.3 * answers.Sum(3))];
        var expected = -Math.Log(e[1] / (e[1] + e[3] + e[0])) - Math.Log(e[2] / (e[2] + e[3] + e[0])) - Math.Log(e[3] / (e[3] + e[0]));
        Assert.Equal(expected, LossOf(policy), 9);
        var gradient = new float[policy.Length];
        PlackettLuceLoss.Compute(new(policy, reference, offsets), orders, 0.3, 1, gradient);
        Golden.IsGradient(gradient, policy, LossOf);
    }

    [Fact]
    public void An_offset_moves_the_point_where_a_pair_is_satisfied()
    {
        float[] policy = [-1, -1], reference = [-2, -1];
        double LossOf(double offset) => PreferenceLoss.Compute(
            new(policy, reference, [0, 1, 2]), [new(0, 1, 1, offset)], new(1, 1), new PreferenceLossOptions { Beta = 1 }, new float[2]).Loss;

        Assert.Equal(Math.Log(2), LossOf(1), 6);
        Assert.True(LossOf(2) > LossOf(1) && LossOf(1) > LossOf(0));
    }

    [Fact]
    public void A_certain_answer_has_a_finite_gradient_in_orpo()
    {
        float[] policy = [0, 0, -3];
        var gradient = new float[3];
        var statistics = PreferenceLoss.Compute(
            new(policy, [], [0, 1, 2, 3]), [new(0, 1), new(0, 2)], new(2, 2),
            new PreferenceLossOptions { Objective = PreferenceObjective.Orpo, LikelihoodCoefficient = 1 }, gradient);

        Assert.True(double.IsFinite(statistics.Loss));
        Assert.All(gradient, value => Assert.True(float.IsFinite(value)));
    }

    private static void Check(PreferenceLossOptions options)
    {
        var (policy, reference, offsets) = Answers();
        double Compute(float[] at, float[] gradient) => PreferenceLoss.Compute(
            new(at, options.HasReference ? reference : [], offsets), [new(0, 1, 0.5, 0.1), new(0, 2, 2), new(3, 2)], new(3.5, 9), options, gradient, 0.05).Loss;
        var found = new float[policy.Length];
        Compute(policy, found);
        Golden.IsGradient(found, policy, at => Compute(at, new float[at.Length]));
    }

    private static (float[] Policy, float[] Reference, int[] Offsets) Answers() => (
        [-1.2f, -0.4f, -2.1f, -0.7f, -1.1f, -0.3f, -2.6f, -0.9f, -1.4f, -0.2f], [-1f, -0.6f, -1.9f, -0.9f, -1.3f, -0.2f, -2.2f, -1f, -1.5f, -0.4f],
        [0, 3, 4, 8, 10]);
}
