using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Objectives;
using Rlhf.Stages.Dpo;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Stages.Dpo;

/// <summary>The trainer on a small model, loss by loss.</summary>
public sealed class DpoTrainerTests
{
    // A dropout this small keeps every number as it is, and takes the path on which each answer brings its prompt.
    private const double NoDropoutButPlain = 1e-30;

    public static TheoryData<PreferenceObjective> Losses => [.. Enum.GetValues<PreferenceObjective>()];

    [Theory]
    [MemberData(nameof(Losses))]
    public void A_step_does_not_depend_on_how_memory_splits_its_batch(PreferenceObjective loss)
    {
        var options = new DpoOptions { Loss = loss };
        AssertAlike(Train(options, 4096), Train(options, 90), firstIsExact: true);
    }

    [Theory]
    [MemberData(nameof(Losses))]
    public void Every_loss_lowers_itself_on_what_it_is_shown(PreferenceObjective loss)
    {
        var rows = Train(new DpoOptions { Loss = loss, Epochs = 12, WarmUpSteps = 0, LearningRate = 3e-4 }, 4096);

        Assert.True(rows[^1]["loss"] < rows[0]["loss"], $"{rows[0]["loss"]} to {rows[^1]["loss"]}");
        Assert.True(rows[^1]["implicit_margin"] > rows[0]["implicit_margin"]);
    }

    [Fact]
    public void Answers_that_share_their_prompt_have_the_losses_of_those_that_bring_it()
    {
        AssertAlike(Train(new DpoOptions(), 4096), Train(new DpoOptions { Dropout = NoDropoutButPlain }, 4096), firstIsExact: true);
        var order = new DpoOptions { Rankings = RankingForm.PlackettLuce };
        AssertAlike(Train(order, 4096), Train(order with { Dropout = NoDropoutButPlain }, 120), firstIsExact: true);
    }

    [Fact]
    public void Prompts_can_be_learned_beside_the_odds()
    {
        var options = new DpoOptions { Loss = PreferenceObjective.Orpo, LikelihoodMean = LikelihoodMean.BatchTokensWithPrompts };
        var (learned, plain) = (Train(options, 4096), Train(new DpoOptions { Loss = PreferenceObjective.Orpo }, 4096));

        AssertAlike(learned, Train(options, 100), firstIsExact: false);
        Assert.NotEqual(plain[0]["loss"], learned[0]["loss"]);
    }

    [Fact]
    public void Before_the_first_update_the_policy_is_its_reference_to_the_bit()
    {
        var rows = Train(new DpoOptions { Batch = 9 }, 100);

        Assert.Equal(Math.Log(2), rows[0]["loss"], 12);
        Assert.Equal(0, rows[0]["implicit_margin"]);
        Assert.Equal(0.5, rows[0]["implicit_accuracy"]);
    }

    [Theory]
    [InlineData(PreferenceObjective.Dpo)]
    [InlineData(PreferenceObjective.Kto)]
    public void Training_gives_the_same_bits_for_any_number_of_threads(PreferenceObjective loss) => Assert.Equal(
        Train(new DpoOptions { Loss = loss }, 4096, threads: 1).Select(row => row["gradient_norm"]),
        Train(new DpoOptions { Loss = loss }, 4096, threads: 3).Select(row => row["gradient_norm"]));

    [Fact]
    public void Held_out_figures_start_from_the_model_that_training_starts_from()
    {
        var host = new RecordingHost();
        Train(new DpoOptions { LearningRate = 1e-3, Epochs = 3, WarmUpSteps = 0 }, 4096, host: host);

        var heldOut = host.Rows.Where(row => row.ContainsKey("heldout_chosen_change")).ToArray();
        Assert.Equal(4, heldOut.Length); // at the start and after each epoch
        Assert.Equal(0, heldOut[0]["heldout_chosen_change"]);
        Assert.NotEqual(0, heldOut[^1]["heldout_chosen_change"]);
    }

    private static void AssertAlike(List<Dictionary<string, double>> one, List<Dictionary<string, double>> other, bool firstIsExact)
    {
        Assert.Equal(6, one.Count);
        Assert.Equal(other[0]["loss"], one[0]["loss"], firstIsExact ? 1e-9 * Math.Abs(one[0]["loss"]) : 1e-5);
        for (var step = 0; step < one.Count; step++)
        {
            Assert.Equal(other[step]["loss"], one[step]["loss"], 1e-4 * Math.Max(1, Math.Abs(one[step]["loss"])));
            Assert.Equal(other[step]["gradient_norm"], one[step]["gradient_norm"], 1e-3 * one[step]["gradient_norm"]);
        }
    }

    private static List<Dictionary<string, double>> Train(DpoOptions options, int microBatchTokens, int threads = 2, RecordingHost? host = null)
    {
        using var device = CpuDevice.Create(threads);
        using var decoder =
            FreshDecoder.Create(device, DecoderConfig.FromShape(ModelFamilies.Find("llama")!, 60, 32, 2, 2, 96), HeadKind.Language, trainable: true);
        host ??= new RecordingHost();
        options = options with
        {
            Batch = options.Batch == 64 ? 3 : options.Batch,
            Epochs = options.Epochs == 1 ? 2 : options.Epochs,
            LearningRate = options.LearningRate == 1e-6 ? 1e-4 : options.LearningRate,
            MicroBatchTokens = microBatchTokens,
        };
        using var arena = new Arena(device);
        using var scorer = new Scorer(decoder, 1000);
        PreferenceRow[] rows = [.. Enumerable.Range(0, 11).Select(seed => WithReference(PreferenceRow.Of(Ranking(seed), options)!, options, scorer, seed))];
        using var trainer = new DpoTrainer(options, decoder, rows[..9], rows[9..], 6, host, arena);
        trainer.Run();
        return [.. host.Rows.Where(row => row.ContainsKey("loss"))];
    }

    private static PreferenceRow WithReference(PreferenceRow row, DpoOptions options, Scorer scorer, int seed)
    {
        float[] Of(IEnumerable<EncodedSequence> sequences) => scorer.ResponseLogProbabilities(
            [.. sequences.Select(one => one.Tokens)], [.. sequences.Select(one => one.PromptLength)]).LogProbabilities;
        var start = Of(row.Answers);
        EncodedSequence[] mismatched = options.Loss == PreferenceObjective.Kto ? [.. row.Answers.Select((_, i) => Answer([seed, i + 1], [7, i, seed]))] : [];
        return row with
        {
            Reference = options.ToLoss().HasReference ? start : default,
            Start = start,
            Mismatched = mismatched,
            MismatchedReference = Of(mismatched),
        };
    }

    /// <summary>A ranking of two to five answers, the last of which has another prompt, as a cut one would have.</summary>
    internal static EncodedRanking Ranking(int seed)
    {
        var random = new Random(seed);
        int[] Tokens(int count) => [.. Enumerable.Range(0, count).Select(_ => random.Next(60))];
        var prompt = Tokens(random.Next(4, 41));
        var answers = Enumerable.Range(0, random.Next(2, 6)).Select(i => Answer(i == 3 ? prompt[1..] : prompt, Tokens(random.Next(1, 30)))).ToArray();
        (int, int)[] pairs = [.. Enumerable.Range(0, answers.Length).SelectMany(i => Enumerable.Range(i + 1, answers.Length - i - 1).Select(j => (i, j)))];
        return new EncodedRanking($"{seed}", $"{seed}", answers, pairs, [], 1, null, null);
    }

    private static EncodedSequence Answer(int[] prompt, int[] response) => new([.. prompt, .. response], prompt.Length, null, "", false);
}
