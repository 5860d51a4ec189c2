using System.Text.Json.Nodes;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Tests.Model.Checkpoints;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Reward;

/// <summary>The folder that a reward stage leaves, as Transformers reads it; see <see cref="ExportedRewardTests"/> for its rule.</summary>
public sealed class ExportedRewardStageTests : IDisposable
{
    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [InlineData("gpt2")]
    [InlineData("llama")]
    public void Answers_of_a_padded_batch_are_scored_at_their_last_token_and_demonstrations_have_zero_with_the_shift(string family)
    {
        var folder = Train(family, "demonstrations");
        var config = JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "config.json")))!;
        var tokenizer = Tokenizer.Load(folder);
        var padding = (int)config["pad_token_id"]!;
        Assert.DoesNotContain(padding, tokenizer.EndOfSequenceIds);
        Assert.Equal(padding, tokenizer.FindId((string)JsonNode.Parse(File.ReadAllText(Path.Combine(folder, "tokenizer_config.json")))!["pad_token"]!));
        Assert.DoesNotContain("score.bias", PlainSafetensors.Read(Path.Combine(folder, "model.safetensors")).Keys);

        int[][] sequences =
            [.. Enumerable.Range(0, 12).Select(i => (int[])[.. tokenizer.Encode($"Name number {i * i}.\nAnswer: {i}"), tokenizer.EndOfSequence!.Value])];
        var batch = ExportedRewardTests.Padded(sequences, padding);
        Assert.Equal(sequences.Select(row => row.Length - 1), ExportedRewardTests.ScoredPositions(batch, padding));
        Assert.Equal(sequences.Select(row => row.Length - 1), ExportedRewardTests.ScoredPositionsOfOlderVersions(batch, padding));

        Assert.NotEqual(0, (float)config["score_shift"]!);
        int[][] demonstrations =
            [.. Enumerable.Range(0, 20).Select(i => (int[])[.. tokenizer.Encode($"Name number {i}.\nAnswer: {i}"), tokenizer.EndOfSequence!.Value])];
        Assert.Equal(0, Scores(folder, demonstrations, shifted: true).Average(), 1e-5);
        Assert.Equal(-(float)config["score_shift"]!, Scores(folder, demonstrations, shifted: false).Average(), 1e-5);
    }

    [Fact]
    public void Without_normalisation_there_is_no_shift() =>
        Assert.Null(JsonNode.Parse(File.ReadAllText(Path.Combine(Train("gpt2", "none"), "config.json")))!["score_shift"]);

    [Fact]
    public void Ppo_measures_scores_from_the_demonstrations()
    {
        const string Ppo = "ppo: {steps: 1, rollouts_per_step: 4, minibatch: 4, max_new_tokens: 4, evaluation_prompts: 4}";
        double FirstScore(string normalizeOn)
        {
            Train("llama", normalizeOn, Ppo, normalizeOn);
            var rows = File.ReadLines(_temporary.PathOf(normalizeOn, "metrics.jsonl")).Select(line => JsonNode.Parse(line)!);
            return (double)rows.First(row => (string?)row["stage"] == "03-ppo" && row["score"] is not null)["score"]!;
        }

        var (none, shifted) = (FirstScore("none"), FirstScore("demonstrations"));
        var shift = (double)JsonNode.Parse(
            File.ReadAllText(_temporary.PathOf("demonstrations", "stages", "02-reward", "model", "config.json")))!["score_shift"]!;
        Assert.NotEqual(0, shift);
        Assert.Equal(none + shift, shifted, 1e-5);
    }

    private string Train(string family, string normalizeOn, string ppo = "", string run = "run")
    {
        File.WriteAllText(_temporary.PathOf("reward.yaml"), $$"""
            name: exported
            seed: 3
            base:
              shape: {family: {{family}}, layers: 1, width: 16, heads: 2, context_length: 64}
              train_tokenizer: {vocabulary_size: 300}
            format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
            data:
              demonstrations: {path: demonstrations.jsonl, held_out: 0}
              {{(ppo.Length > 0 ? "prompts: {path: demonstrations.jsonl, held_out: 0.3}" : "")}}
              comparisons: {path: comparisons.jsonl, held_out: 0}
            sft: {max_steps: 1, batch: 4, keep_best: none}
            reward: {batch: 4, learning_rate: 1e-3, normalize_on: {{normalizeOn}}}
            {{ppo}}
            """);
        File.WriteAllLines(
            _temporary.PathOf("demonstrations.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"prompt": "Name number {{i}}.", "response": "{{i}}"}"""));
        File.WriteAllLines(_temporary.PathOf("comparisons.jsonl"),
            Enumerable.Range(0, 12).Select(i => $$"""{"prompt": "Name number {{i}}.", "chosen": "{{i}}", "rejected": "No."}"""));
        RecipeRun.Execute(
            RecipeReader.Read(_temporary.PathOf("reward.yaml"), []), new RunSettings(_temporary.PathOf(run)), ProgressReporter.Silent, CancellationToken.None);
        return _temporary.PathOf(run, "stages", "02-reward", "model");
    }

    private static float[] Scores(string folder, int[][] sequences, bool shifted)
    {
        using var device = CpuDevice.Create();
        using var decoder = Checkpoint.Open(folder).Load(device, HeadKind.Scalar, shifted: shifted);
        using var scorer = new Scorer(decoder, 100);
        return scorer.Rewards(sequences);
    }
}
