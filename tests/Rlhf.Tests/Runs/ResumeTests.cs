using System.Diagnostics;
using System.Security.Cryptography;
using Rlhf.Cli;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Compute.OneDnn;
using Rlhf.Tests.Stages;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

/// <summary>The whole loop in its smallest form: however often it dies, the models are the same bytes.</summary>
public sealed class ResumeTests : IClassFixture<ResumeTests.WholeRun>, IDisposable
{
    private const string Text = """
        name: tiny
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 400}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 80, prompts: 40, evaluation_prompts: 6, texts: 30}
          text: {held_out: 0.1}
          demonstrations: {held_out: 0.1}
          prompts: {}
          evaluation_prompts: {}
        rounds: 2
        pretrain: {max_steps: 6, batch: 8, checkpoint_every: 2}
        sft: {epochs: 1, batch: 8, learning_rate: 1e-3, checkpoint_every: 3, evaluate_every: 2, limits: {on_overlong: drop}}
        collect: {answers_per_prompt: 3, max_prompts: 12, max_new_tokens: 8, labeler: gold, limits: {on_overlong: drop}}
        reward: {batch: 2, learning_rate: 1e-3, checkpoint_every: 2, ties: half, second_model: {}, limits: {on_overlong: drop}}
        ppo:
          steps: 3
          rollouts_per_step: 16
          minibatch: 8
          max_new_tokens: 8
          learning_rate: 1e-3
          value_learning_rate: 1e-3
          score_normalization: running
          adaptive_kl: {}
          ptx: {batch_ratio: 1}
          start_from: previous
          evaluate_every: 2
          evaluation_samples: 1
          checkpoint_every: 1
          limits: {on_overlong: drop}
        """;

    private readonly TestFolder _temporary = new();
    private readonly string _whole;

    public ResumeTests(WholeRun run) => _whole = run.Folder;

    public void Dispose() => _temporary.Dispose();

    private string RecipeFile() => WriteRecipe(_temporary);

    private static string WriteRecipe(TestFolder folder)
    {
        var file = folder.PathOf("tiny.yaml");
        File.WriteAllText(file, Text);
        return file;
    }

    /// <summary>The run that nothing interrupts, done once for all tests.</summary>
    public sealed class WholeRun : IDisposable
    {
        private readonly TestFolder _temporary = new();

        public WholeRun() =>
            RecipeRun.Execute(RecipeReader.Read(WriteRecipe(_temporary)), new RunSettings(Folder), ProgressReporter.Silent, CancellationToken.None);

        public string Folder => _temporary.PathOf("whole");

        public void Dispose() => _temporary.Dispose();
    }

    internal static Dictionary<string, string> ResultsOf(string folder) => Directory
        .GetFiles(folder, "*", SearchOption.AllDirectories)
        .Where(file => Path.GetFileName(
            file) is "model.safetensors" or "adapter_model.safetensors" or "adapter_config.json" or "config.json" or "tokenizer.json" or "rankings.jsonl" or "ledger.json" or "samples.jsonl")
        .ToDictionary(file => Path.GetRelativePath(folder, file), file => Convert.ToHexString(SHA256.HashData(File.ReadAllBytes(file))));

    // Every metric but those that a clock made.
    internal static string[] MetricsOf(string folder) =>
    [
        .. MetricsFile.Read(folder).SelectMany(row => row.Values
            .Where(value => !value.Key.Contains("seconds", StringComparison.Ordinal))
            .Select(value => FormattableString.Invariant($"{row.Stage} {row.Step} {value.Key} {value.Value:R}"))),
    ];

    private static void AssertSame(string expected, string actual)
    {
        // In a ledger the quickstart's generated files stand with their path inside the run folder.
        var (left, right) = (ResultsOf(expected), ResultsOf(actual));
        Assert.Equal(left.Keys.Order(), right.Keys.Order());
        Assert.All(left.Where(pair => !pair.Key.EndsWith("ledger.json", StringComparison.Ordinal)),
            pair => Assert.True(right[pair.Key] == pair.Value, pair.Key));
        Assert.Equal(
            MetricsOf(expected).Where(metric => !metric.Contains("tokens_per_second", StringComparison.Ordinal)),
            MetricsOf(actual).Where(metric => !metric.Contains("tokens_per_second", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_run_that_is_killed_again_and_again_ends_with_the_same_bytes()
    {
        var (recipe, folder) = (RecipeFile(), _temporary.PathOf("killed"));
        var random = new Random(Seed: 1);
        var killed = 0;
        for (var attempt = 0; attempt < 6; attempt++)
        {
            using var child = Start("run", recipe, "--out", folder, "--resume", "--quiet");
            if (child.WaitForExit(TimeSpan.FromSeconds(0.4 + (random.NextDouble() * 1.2))))
            {
                break;
            }

            child.Kill();
            child.WaitForExit();
            killed++;
        }

        Assert.True(killed > 0);
        RecipeRun.Execute(RecipeReader.Read(recipe), new RunSettings(folder, Resume: true), ProgressReporter.Silent, CancellationToken.None);
        AssertSame(_whole, folder);
    }

    [Fact]
    public void A_run_that_is_asked_to_stop_goes_on_with_the_same_bytes()
    {
        var (recipe, folder) = (RecipeReader.Read(RecipeFile()), _temporary.PathOf("stopped"));
        var random = new Random(Seed: 2);
        for (var attempt = 0; attempt < 20; attempt++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(100 + random.Next(400)));
            try
            {
                RecipeRun.Execute(recipe, new RunSettings(folder, Resume: true), ProgressReporter.Silent, cancellation.Token);
                break;
            }
            catch (OperationCanceledException)
            {
                // Stopped, as asked.
            }
        }

        RecipeRun.Execute(recipe, new RunSettings(folder, Resume: true), ProgressReporter.Silent, CancellationToken.None);
        AssertSame(_whole, folder);
    }

    [Fact]
    public void What_an_evaluation_logged_behind_a_checkpoint_under_its_step_is_forgotten()
    {
        // Stopped in the first stage that keeps samples, behind its second step; each step has a checkpoint.
        var (recipe, folder) = (RecipeReader.Read(RecipeFile()), _temporary.PathOf("evaluated"));
        using var stop = new StopAfterStep("05-ppo 2/3", after: 0);
        Assert.Throws<OperationCanceledException>(() => RecipeRun.Execute(recipe, new RunSettings(folder), stop.Progress, stop.Token));

        var step = MetricsFile.Read(folder)[^1].Step;
        Assert.Equal(2, step);
        File.AppendAllText(Path.Combine(folder, "metrics.jsonl"),
            FormattableString.Invariant($"{{\"stage\":\"05-ppo\",\"step\":{step},\"seconds\":1,\"heldout_score\":5}}\n"));
        File.AppendAllText(Path.Combine(folder, "stages", "05-ppo", "samples.jsonl"),
            FormattableString.Invariant($"{{\"step\":{step},\"prompt\":\"a\",\"response\":\"b\"}}\n"));
        RecipeRun.Execute(recipe, new RunSettings(folder, Resume: true), ProgressReporter.Silent, CancellationToken.None);
        AssertSame(_whole, folder);
    }

    [OneDnnFact]
    public void A_run_in_bfloat16_goes_on_with_the_same_bytes_and_says_what_multiplied()
    {
        var recipe = RecipeReader.Read(RecipeFile(), ["precision=bf16"]);
        var (uninterrupted, folder) = (_temporary.PathOf("narrow"), _temporary.PathOf("narrow-stopped"));
        RecipeRun.Execute(recipe, new RunSettings(uninterrupted), ProgressReporter.Silent, CancellationToken.None);
        ExecuteInPieces(recipe, folder);
        AssertSame(uninterrupted, folder);
        Assert.NotEqual(ResultsOf(_whole)[Path.Combine("stages", "01-pretrain", "model", "model.safetensors")],
            ResultsOf(folder)[Path.Combine("stages", "01-pretrain", "model", "model.safetensors")]);
        var environment = File.ReadAllText(Path.Combine(folder, "environment.json"));
        Assert.Contains("\"precision\": \"bf16\"", environment, StringComparison.Ordinal);
        Assert.Contains("libdnnl", environment, StringComparison.Ordinal);
        Assert.All(MetricsFile.Read(folder).Where(row => row.Values.ContainsKey("logprob_difference")),
            row => Assert.InRange(row.Values["logprob_difference"], 0, 0.02));
    }

    [Fact]
    public void A_run_with_frozen_models_in_bfloat16_goes_on_with_the_same_bytes()
    {
        var recipe = RecipeReader.Read(RecipeFile(), ["frozen_precision=bf16"]);
        var (uninterrupted, folder) = (_temporary.PathOf("frozen"), _temporary.PathOf("frozen-stopped"));
        RecipeRun.Execute(recipe, new RunSettings(uninterrupted), ProgressReporter.Silent, CancellationToken.None);
        ExecuteInPieces(recipe, folder);
        AssertSame(uninterrupted, folder);

        // What is trained without a frozen model beside it is what it was; PPO is judged by rounded models.
        var (exact, rounded) = (ResultsOf(_whole), ResultsOf(folder));
        var (supervised, policy) =
            (Path.Combine("stages", "02-sft", "model", "model.safetensors"), Path.Combine("stages", "05-ppo", "model", "model.safetensors"));
        Assert.Equal(exact[supervised], rounded[supervised]);
        Assert.NotEqual(exact[policy], rounded[policy]);
        Assert.All(MetricsFile.Read(folder).Where(row => row.Values.ContainsKey("logprob_difference")),
            row => Assert.Equal(0, row.Values["logprob_difference"]));
    }

    [Fact]
    public void A_run_with_adapters_goes_on_with_the_same_bytes_and_keeps_the_small_part_alone()
    {
        var recipe = RecipeReader.Read(
            RecipeFile(), ["sft.adapter={rank: 2, dropout: 0.1}", "reward.adapter={rank: 2}", "ppo.adapter={rank: 2, base_storage: int8}"]);
        var (uninterrupted, folder) = (_temporary.PathOf("adapted"), _temporary.PathOf("adapted-stopped"));
        RecipeRun.Execute(recipe, new RunSettings(uninterrupted), ProgressReporter.Silent, CancellationToken.None);
        ExecuteInPieces(recipe, folder);
        AssertSame(uninterrupted, folder);
        Assert.Equal(2, Directory.GetFiles(folder, "model.safetensors", SearchOption.AllDirectories).Length); // the base's, and pretraining's
        Assert.Equal(7, Directory.GetFiles(folder, "adapter_model.safetensors", SearchOption.AllDirectories).Length);
        Assert.All(MetricsFile.Read(folder).Where(row => row.Values.ContainsKey("logprob_difference")),
            row => Assert.Equal(0, row.Values["logprob_difference"]));
    }

    [Fact]
    public void A_complete_run_leaves_no_checkpoints_and_a_report()
    {
        Assert.Empty(Directory.GetDirectories(_whole, "checkpoints*", SearchOption.AllDirectories));
        Assert.Equal(8, SummaryFiles.ReadRun(_whole).Stages.Count);
        Assert.True(File.Exists(Path.Combine(_whole, "report.html")));
    }

    [Fact]
    public void The_rarer_options_of_all_stages_run_to_the_end()
    {
        var reward = Path.Combine(_whole, "stages", "04-reward", "model");
        var file = _temporary.PathOf("rarer.yaml");
        File.WriteAllText(file, $$$"""
            name: rarer
            seed: 5
            base: {model: "{{{Path.Combine(_whole, "base")}}}"}
            format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
            data:
              quickstart: {demonstrations: 40, prompts: 20, evaluation_prompts: 4, texts: 20}
              text: {}
              demonstrations: {held_out: 0.2}
              prompts: {}
              evaluation_prompts: {}
            sft: {epochs: 1, batch: 300, batch_unit: tokens, learning_rate: 1e-3, neftune_alpha: 5, keep_best: reward, reward_model: "{{{reward}}}", reward_prompts: 4, reward_max_new_tokens: 6, limits: {on_overlong: drop}}
            collect: {answers_per_prompt: 3, max_prompts: 8, max_new_tokens: 8, labeler: "{{{reward}}}", limits: {on_overlong: drop}}
            reward: {batch: 2, learning_rate: 1e-3, margin: 0.1, centering: 0.01, label_smoothing: 0.1, ties: half, dropout: 0.1, limits: {on_overlong: drop}}
            ppo:
              steps: 3
              rollouts_per_step: 8
              rollouts_per_prompt: 2
              minibatch: 4
              inner_epochs: 2
              max_new_tokens: 8
              temperature: 0.8
              learning_rate: 1e-3
              shared_trunk: true
              ema: 0.9
              entropy_coefficient: 0.01
              dual_clip: 3
              score_clip: 3
              score_normalization: sft_samples
              missing_eos_penalty: 1
              kl_estimator: k3
              whiten_rewards: true
              value_warm_up_steps: 1
              target_kl: 0.01
              ptx: {batch_ratio: 0.5, context_tokens: 16}
              evaluation_samples: 1
              limits: {on_overlong: drop}
            """);
        var summary = RecipeRun.Execute(RecipeReader.Read(file), new RunSettings(_temporary.PathOf("rarer")), ProgressReporter.Silent, CancellationToken.None);

        Assert.Equal(["01-sft", "02-collect", "03-reward", "04-ppo"], summary.Stages.Select(stage => stage.Name));
        var rows = MetricsFile.Read(_temporary.PathOf("rarer"));
        Assert.Contains(rows, row => row.Values.ContainsKey("validation_reward"));
        var updates = rows.Where(row => row.Values.ContainsKey("logprob_difference")).ToArray();
        Assert.Equal(2, updates.Length); // the first of three steps trains the value head only
        Assert.All(updates, row => Assert.Equal(0, row.Values["logprob_difference"]));
        Assert.All(updates, row => Assert.True(row.Values["ptx_loss"] > 0));
    }

    /// <summary>Stops the run some times, then lets it end.</summary>
    private static void ExecuteInPieces(Recipe recipe, string folder)
    {
        for (var attempt = 0; attempt < 4; attempt++)
        {
            using var cancellation = new CancellationTokenSource(TimeSpan.FromMilliseconds(150 * (attempt + 1)));
            try
            {
                RecipeRun.Execute(recipe, new RunSettings(folder, Resume: true), ProgressReporter.Silent, cancellation.Token);
                return;
            }
            catch (OperationCanceledException)
            {
                // Stopped, as asked.
            }
        }

        RecipeRun.Execute(recipe, new RunSettings(folder, Resume: true), ProgressReporter.Silent, CancellationToken.None);
    }

    internal static Process Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        start.ArgumentList.Add(typeof(ExitCode).Assembly.Location);
        foreach (var argument in arguments)
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["RLHF_THREADS"] = "1";
        return Process.Start(start)!;
    }
}
