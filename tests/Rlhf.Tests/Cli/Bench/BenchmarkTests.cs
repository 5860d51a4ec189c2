using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Cli.Bench;
using Rlhf.Compute.Cpu;
using Rlhf.World;

namespace Rlhf.Tests.Cli.Bench;

public sealed class BenchmarkTests
{
    private static readonly BenchmarkShape Tiny =
        new("tiny", 64, 32, 1, 2, 2, 12, [3, 5, 4, 2], [4, 2, 1, 6], 2, 2) { RankedPrompts = 2, RankedAnswers = 3, RankedTokens = 8 };

    [Fact]
    public void All_phases_are_timed_in_their_order()
    {
        var told = new List<string>();
        var results = Run(Tiny, Enum.GetValues<BenchmarkPhase>(), told.Add);

        Assert.Equal(Enum.GetValues<BenchmarkPhase>(), results.Select(static result => result.Phase));
        Assert.All(results, static result => Assert.True(result.Seconds > 0 && result.Operations > 0));
        Assert.Equal(11, told.Count(static text => text.EndsWith(" s", StringComparison.Ordinal))); // the update once, the others twice
    }

    [Fact]
    public void What_a_phase_needs_is_done_but_not_reported()
    {
        var results = Run(Tiny, [BenchmarkPhase.Update], static _ => { });

        Assert.Equal([BenchmarkPhase.Update], results.Select(static result => result.Phase));
    }

    [Fact]
    public void The_json_line_has_the_keys_of_the_peer()
    {
        var result = new BenchmarkResult("tiny", 1, "f32", Run(Tiny, Enum.GetValues<BenchmarkPhase>(), static _ => { }), new MachineRates(1e9, 2e9, 3e9), 4096);
        var json = result.ToJson();
        var keys = JsonDocument.Parse(json).RootElement.EnumerateObject().Select(static property => property.Name).ToHashSet();

        Assert.DoesNotContain('\n', json);
        Assert.Superset(
            new HashSet<string>
            {
                "engine",
                "size",
                "threads",
                "sft_tokens_per_s",
                "rollout_s",
                "rollout_tokens_per_s",
                "score_s",
                "update_s",
                "ppo_step_s",
                "rm_tokens_per_s",
                "rm_answers_per_s",
                "rm_shared_answers_per_s",
                "gemm_gflops",
            }, keys);
    }

    [Fact]
    public void A_ppo_step_is_not_told_where_a_part_of_it_was_not_timed()
    {
        var phases = Run(Tiny, [BenchmarkPhase.Rollout, BenchmarkPhase.Score], static _ => { });

        Assert.Null(new BenchmarkResult("tiny", 1, "f32", phases, new MachineRates(1, 1, 1), 0).PpoStepSeconds);
    }

    [Fact]
    public void Operations_are_six_for_each_weight_and_trained_token_without_attention()
    {
        // One block of width C: 12 C^2 weights; attention adds 2 T C for a token, forward; the head 2 C V. The last token has no target: its keys and values (2
        // C^2 weights) are all that is wanted of it.
        const double C = 32, V = 64, T = 12;
        const double Block = (2 * 12 * C * C) + (2 * T * C), KeysAndValues = 2 * 2 * C * C;
        var expected = 3 * 2 * (((T - 1) * (Block + (2 * C * V))) + KeysAndValues);

        Assert.Equal(expected, new OperationCount(Tiny).Of(BenchmarkPhase.Sft), 1e-6);
    }

    [Fact]
    public void The_shapes_are_those_of_the_peer()
    {
        Assert.All(BenchmarkShape.All, static shape => Assert.Equal(shape.PromptLengths.Count, shape.ResponseLengths.Count));
        Assert.Equal((32, 1715), (BenchmarkShape.Mini.PromptLengths.Count, BenchmarkShape.Mini.ResponseLengths.Sum()));
        Assert.Equal((16, 874), (BenchmarkShape.Small.PromptLengths.Count, BenchmarkShape.Small.ResponseLengths.Sum()));
    }

    [Theory]
    [InlineData("--phases", "sft,rollouts")]
    [InlineData("--size", "huge")]
    [InlineData("--repeat", "0")]
    [InlineData("--threads", "0")]
    public void A_wrong_option_is_bad_input(string option, string value)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();

        Assert.Equal(ExitCode.BadInput, Program.Run(["bench", option, value], output, error));
        Assert.Empty(output.ToString());
        Assert.NotEmpty(error.ToString());
    }

    private static IReadOnlyList<PhaseResult> Run(BenchmarkShape shape, IReadOnlyCollection<BenchmarkPhase> phases, Action<string> progress)
    {
        using var device = CpuDevice.Create(1);
        using var benchmark = new Benchmark(shape, device, repetitions: 2, progress);
        return benchmark.Run(phases);
    }
}
