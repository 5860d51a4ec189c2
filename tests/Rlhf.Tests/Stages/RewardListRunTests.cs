using System.Globalization;
using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Cli;
using Rlhf.Tests.Labelers;
using Rlhf.Tests.Runs;
using Rlhf.Tests.Stages.Ppo;

namespace Rlhf.Tests.Stages;

/// <summary>Judges, reward models and programs in lists of rewards, in whole runs of both stages that take such a list.</summary>
public sealed class RewardListRunTests : IClassFixture<GroupStageTests.Models>, IDisposable
{
    private const string Rejection = """
        name: best
        seed: 5
        base: {model: models/stages/01-pretrain/model}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data: {prompts: {path: prompts.jsonl, held_out: 0.3}}
        rejection: {answers_per_prompt: 4, max_new_tokens: 6, finished_only: false, batch: 4, learning_rate: 1e-3, checkpoint_every: 1, evaluation_samples: 1}
        """;

    private const string Rule = "{rule: length, at_most: 3, unit: words}";
    private const string Model = "{model: models/stages/02-reward/model, weight: 0.5}";
    private const string Program = "{program: [/bin/sh, grade.sh], weight: 0.1, timeout_seconds: TIME, restarts: 1}";

    // The number is the length of the line from the answer on.
    private const string Grade = """
        while read -r line; do
          id=${line#*:\"}
          answer=${line#*answer\":}
          printf '{"id":"%s","score":%s}\n' "${id%%\"*}" "${#answer}"
        done
        """;

    private readonly TestFolder _temporary = new();
    private readonly string _folder;
    private readonly string _ppo;

    public RewardListRunTests(GroupStageTests.Models models)
    {
        (_ppo, _folder) = (models.Recipe, Path.GetDirectoryName(models.Recipe)!);
        File.WriteAllText(Path.Combine(_folder, "rejection.yaml"), Rejection);
        File.WriteAllText(Path.Combine(_folder, "grade.sh"), Grade);
    }

    public static TheoryData<string> Stages => ["ppo", "rejection"];

    public void Dispose() => _temporary.Dispose();

    [Theory]
    [MemberData(nameof(Stages))]
    public void A_judge_beside_a_rule_is_logged_kept_and_never_asked_twice(string stage)
    {
        using var judge = new FakeJudge(Marks);
        string List() => $"{Rule}, {JudgeEntry(judge, "weight: 2, normalize: running")}";
        var figures = RunTwice(stage, List, "taste").Figures;

        var questions = judge.Questions.Count;
        Assert.Equal(questions, judge.Questions.Select(asked => (asked.Prompt, asked.First)).Distinct().Count() * 2); // by either run once
        Assert.Equal(questions / 2, figures["judge_calls"].Value);
        Assert.Equal(100 * questions / 2, figures["judge_prompt_tokens"].Value);
        Assert.InRange(figures["reward_mean.taste"].Value, 0.01, 0.99);
        Assert.Equal(0, figures["judge_unreadable"].Value);
    }

    [Theory]
    [MemberData(nameof(Stages))]
    public void A_reward_model_beside_a_rule_adds_its_scores(string stage)
    {
        var figures = RunTwice(stage, () => $"{Rule}, {Model}", "model").Figures;

        Assert.NotEqual(0, figures["reward_mean.model"].Value);
        Assert.Equal(figures["reward_mean.length"].Value + (0.5 * figures["reward_mean.model"].Value), figures["score"].Value, 1e-5);
        if (stage == "rejection")
        {
            AssertScores();
        }
    }

    [UnixFact]
    public void A_program_beside_a_rule_is_asked_for_every_answer_in_ppo() => AssertProgram("ppo");

    [UnixFact]
    public void A_program_beside_a_rule_is_asked_for_every_answer_in_rejection() => AssertProgram("rejection");

    [Theory]
    [MemberData(nameof(Stages))]
    public void A_judge_that_fails_ends_the_run_with_a_sentence_and_the_run_goes_on_when_it_works(string stage)
    {
        using var whole = new FakeJudge(Marks);
        var failing = 20;
        using var judge = new FakeJudge(asked => asked.Number == failing ? new FakeJudge.Reply("{\"error\": {\"message\": \"out of memory\"}}", 500) : Marks(asked));
        Run(stage, "whole", JudgeEntry(whole));

        var message = Assert.Throws<RunFailedException>(() => Run(stage, "failed", JudgeEntry(judge))).Message;
        Assert.Contains($"The judge at {judge.Url}/chat/completions failed 1 times in a row, the last time by: status 500: out of memory.", message,
            StringComparison.Ordinal);
        Assert.Contains("resume the run when it works again", message, StringComparison.Ordinal);

        var asked = judge.Questions.Count;
        Run(stage, "failed", JudgeEntry(judge));
        Assert.Equal(whole.Questions.Count, judge.Questions.Count - 1); // the failed one alone is asked again
        Assert.True(judge.Questions.Count > asked);
        Assert.Equal(Weights("whole", stage), Weights("failed", stage));
    }

    [Theory]
    [MemberData(nameof(Stages))]
    public void A_judge_that_is_silent_for_too_long_ends_the_run_with_a_sentence(string stage)
    {
        using var judge = new FakeJudge(asked => Marks(asked) with { DelayMilliseconds = 30_000 });

        Assert.Contains("the last time by: no reply within 1 s", Assert.Throws<RunFailedException>(
            () => Run(stage, "run", JudgeEntry(judge).Replace("retries: 0", "retries: 0, timeout_seconds: 1", StringComparison.Ordinal))).Message,
            StringComparison.Ordinal);
    }

    [UnixFact]
    public void A_program_that_dies_or_is_silent_ends_either_stage_with_a_sentence()
    {
        foreach (var stage in new[] { "ppo", "rejection" })
        {
            File.WriteAllText(Path.Combine(_folder, "dies.sh"), "read -r line; echo 'no such module' >&2; exit 3");
            var message = Assert.Throws<RunFailedException>(() => Run(stage, $"dies-{stage}", ProgramEntry("dies.sh", 60))).Message;
            Assert.Contains($"{stage}.rewards[0].program (/bin/sh dies.sh): the program ended (", message, StringComparison.Ordinal);
            Assert.Contains("for the 2. time with these answers", message, StringComparison.Ordinal);
            Assert.Contains("no such module", message, StringComparison.Ordinal);

            File.WriteAllText(Path.Combine(_folder, "waits.sh"), "while read -r line; do :; done");
            Assert.Contains("within 1 s, for the 2. time",
                Assert.Throws<RunFailedException>(() => Run(stage, $"waits-{stage}", ProgramEntry("waits.sh", 1))).Message, StringComparison.Ordinal);
        }
    }

    private void AssertProgram(string stage)
    {
        var figures = RunTwice(stage, () => $"{Rule}, {ProgramEntry("grade.sh", 60)}", "program").Figures;

        Assert.True(figures["reward_mean.program"].Value > 20, "so much stands behind the answer");
        Assert.Equal(figures["reward_mean.length"].Value + (0.1 * figures["reward_mean.program"].Value), figures["score"].Value, 1e-4);
        Assert.Equal(0, figures["program_restarts"].Value);
    }

    /// <summary>A run in one piece and one that is stopped again and again: the same bytes, and metrics of each source.</summary>
    private StageSummary RunTwice(string stage, Func<string> list, string source)
    {
        var summary = Run(stage, "whole", list());
        var rows = MetricsFile.Read(_temporary.PathOf("whole"));
        var key = stage == "ppo" ? "reward_mean." : "heldout_score";
        if (stage == "ppo")
        {
            Assert.All(rows.Where(row => row.Values.ContainsKey("policy_loss")), row => Assert.True(
                row.Values.ContainsKey(key + "length") && row.Values.ContainsKey(key + source) && row.Values.ContainsKey("reward_positive." + source)));
        }
        else
        {
            Assert.True(summary.Figures.ContainsKey("rejection_mean.length") && summary.Figures.ContainsKey("rejection_mean." + source));
        }

        Assert.NotNull(summary.Figures["reward_mean." + source].Low);
        Assert.Contains(source, summary.Inputs.Select(input => input.Role));
        var stops = StopAfterStep.AgainAndAgain(() => Recipe(stage, list()), _temporary.PathOf("stopped"), $"01-{stage}", later: 2, most: 20);
        Assert.True(stops > 1, $"stopped {stops} times");
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
        return summary;
    }

    // The chosen answers have the scores that the model gives to the tokens that were drawn.
    private void AssertScores()
    {
        using var device = CpuDevice.Create(1);
        using var decoder = Checkpoint.Open(Path.Combine(_folder, "models", "stages", "02-reward", "model")).Load(device, HeadKind.Scalar, shifted: true);
        using var scorer = new Scorer(decoder, 4096);
        var tokenizer = Checkpoint.Open(Path.Combine(_folder, "models", "stages", "01-pretrain", "model")).Tokenizer;
        JsonElement[] rows = [.. File.ReadLines(_temporary.PathOf("whole", "stages", "01-rejection", "chosen.jsonl")).Select(
            static line => JsonDocument.Parse(line).RootElement)];
        Assert.NotEmpty(rows);
        Assert.All(rows, row =>
        {
            int[] response = [.. row.GetProperty("response_tokens").EnumerateArray().Select(static token => token.GetInt32())];
            int[] prompt = [.. tokenizer.Encode(row.GetProperty("prompt").GetString()! + "\nAnswer:")];
            Assert.Equal(scorer.Rewards([[.. prompt, .. response]])[0], row.GetProperty("scores").GetProperty("model").GetDouble(), 1e-6);
        });
    }

    private string Weights(string folder, string stage) =>
        Convert.ToHexString(File.ReadAllBytes(_temporary.PathOf(folder, "stages", $"01-{stage}", "model", "model.safetensors")));

    private static FakeJudge.Reply Marks(FakeJudge.Asked asked) =>
        FakeJudge.Says(string.Create(CultureInfo.InvariantCulture, $"It is short.\nhelpful: {1 + (asked.First.Length % 5)}"));

    private static string JudgeEntry(FakeJudge judge, string others = "weight: 1") => $$"""
        {name: taste, {{others}}, judge: {url: "{{judge.Url}}", model: fake, criteria: [{name: helpful, question: "Does it help?"}], prompt: "P<{prompt}>A<{answer}>B<{criteria}>", retries: 0, backoff_seconds: 0, parallel: 1} }
        """;

    private static string ProgramEntry(string file, int seconds) => Program
        .Replace("grade.sh", file, StringComparison.Ordinal).Replace("TIME", seconds.ToString(CultureInfo.InvariantCulture), StringComparison.Ordinal);

    private Recipe Recipe(string stage, string list) => RecipeReader.Read(
        stage == "ppo" ? _ppo : Path.Combine(_folder, "rejection.yaml"),
        [
            $"{stage}.rewards=[{list}]",
            .. stage == "ppo" ? ["ppo.reward_model=none", "ppo.preset=grpo", "ppo.rollouts_per_prompt=4", "ppo.kl_coefficient=0.1"] : Array.Empty<string>(),
        ]);

    private StageSummary Run(string stage, string folder, string list) => RecipeRun.Execute(
        Recipe(stage, list), new RunSettings(_temporary.PathOf(folder), Resume: true), ProgressReporter.Silent, CancellationToken.None).Stages[^1];
}
