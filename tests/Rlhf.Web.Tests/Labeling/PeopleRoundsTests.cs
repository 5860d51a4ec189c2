using System.Diagnostics;
using System.Text.Json.Nodes;
using Rlhf.Cli;
using Rlhf.Labelers;
using Rlhf.Labelers.Store;
using Rlhf.Reports;
using Rlhf.World;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>Two whole rounds in which people rank; here they are played through the store, and rank by the gold rule.</summary>
public sealed class PeopleRoundsTests : IDisposable
{
    private const string Recipe = """
        name: people
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 400}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 60, prompts: 30, evaluation_prompts: 4, texts: 20}
          demonstrations: {}
          prompts: {}
          evaluation_prompts: {}
        rounds: 2
        sft: {epochs: 1, batch: 8, learning_rate: 1e-3, keep_best: none, limits: {on_overlong: drop}}
        collect: {labeler: people, wait: false, answers_per_prompt: 3, max_prompts: 12, max_new_tokens: 8, resamples: 0, limits: {on_overlong: drop}}
        reward: {batch: 2, learning_rate: 1e-3, ties: half, round_weights: [0.5, 1], limits: {on_overlong: drop}}
        ppo: {steps: 2, rollouts_per_step: 8, minibatch: 4, max_new_tokens: 8, learning_rate: 1e-3, start_from: previous, evaluation_samples: 1, limits: {on_overlong: drop}}
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-people-").FullName;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(params string[] names) => Path.Combine([_folder, .. names]);

    private string RecipeFile()
    {
        File.WriteAllText(PathOf("people.yaml"), Recipe);
        return PathOf("people.yaml");
    }

    private static (int Code, string Error) Rlhf(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Program.Run([.. arguments, "--quiet"], output, error), error.ToString());
    }

    /// <summary>Somebody ranks as the gold rule does; the number of rankings.</summary>
    private static int Rank(RankingStore store, string name, int most)
    {
        if (store.Users().All(user => user.Name != name))
        {
            store.AddUser(name, UserRole.Labeler);
        }

        var labeler = store.Users().Single(user => user.Name == name);
        var rule = new GoldRule();
        var done = 0;
        for (; done < most && store.Next(labeler, []) is { } task; done++)
        {
            var tiers = task.Responses.Index().GroupBy(answer => rule.Score(task.Messages[^1].Content, answer.Item), answer => answer.Index)
                .OrderByDescending(tier => tier.Key);
            var judgement = new Judgement { Tiers = [.. tiers.Select(IReadOnlyList<int> (tier) => [.. tier])] };
            Assert.Equal(SubmissionResult.Stored, store.Submit(labeler, new Submission(task.Id, $"{name} {task.Id} key", judgement, 5)));
        }

        return done;
    }

    private static Process StartWaiting(string run)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[typeof(ExitCode).Assembly.Location, "run", "--resume", "--out", run, "--set", "collect.wait=true"])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["RLHF_THREADS"] = "1";
        return Process.Start(start)!;
    }

    private static void KillOnceItWaits(string run)
    {
        using var waiting = StartWaiting(run);
        while (waiting.StandardError.ReadLine() is { } line && !line.Contains("waits for people", StringComparison.Ordinal))
        {
        }

        Assert.False(waiting.HasExited);
        waiting.Kill();
        waiting.WaitForExit();
    }

    [Fact]
    public void Stopped_killed_and_resumed_rounds_of_people_end_with_the_models_of_an_uninterrupted_run_of_their_rule()
    {
        var (recipe, run) = (RecipeFile(), PathOf("run"));
        var (code, error) = Rlhf("run", recipe, "--out", run);
        Assert.Equal(ExitCode.Paused, code);
        Assert.Contains("0 of ", error, StringComparison.Ordinal);
        Assert.Contains($"rlhf label --store {PathOf("run", "rankings.db")}", error, StringComparison.Ordinal);
        Assert.Contains($"rlhf run --resume --out {run}", error, StringComparison.Ordinal);

        var store = RankingStore.Open(PathOf("run", "rankings.db"));
        var prompts = (int)store.Progress(round: null).Wanted;
        Assert.InRange(prompts, 3, 12);
        Rank(store, "ann", 1);
        (code, error) = Rlhf("run", "--resume", "--out", run);
        Assert.Equal(ExitCode.Paused, code);
        Assert.Contains($"1 of {prompts} rankings", error, StringComparison.Ordinal);

        KillOnceItWaits(run);
        Assert.Equal(prompts, store.Progress(round: null).Wanted);
        Rank(store, "bob", 1);
        Rank(store, "ann", prompts);
        Assert.Equal(ExitCode.Paused, Rlhf("run", "--resume", "--out", run, "--set", "collect.wait=false").Code);
        Assert.Equal(["run/1", "run/2"], store.Rounds());
        Rank(store, "eve", 12);
        Assert.Equal((ExitCode.Success, $"rlhf: run folder {run}{Environment.NewLine}"), Rlhf("run", "--resume", "--out", run));

        Assert.Equal(
            ExitCode.Success,
            Rlhf("run", recipe, "--out", PathOf("gold"), "--set",
            "collect={labeler: gold, answers_per_prompt: 3, max_prompts: 12, max_new_tokens: 8, limits: {on_overlong: drop}}").Code);
        var (people, gold) = (SummaryFiles.ReadRun(run), SummaryFiles.ReadRun(PathOf("gold")));
        Assert.Equal(7, people.Stages.Count);
        Assert.Equal(gold.Stages.Select(stage => stage.ModelHash), people.Stages.Select(stage => stage.ModelHash));
        Assert.Equal([("ann", prompts - 1L), ("bob", 1)], people.Stages[1].Labelers!.Select(labeler => (labeler.Name, labeler.Rankings)));
        Assert.Equal(
            [("02-collect", 0.5, 1), ("05-collect-2", 1, 2)], people.Stages[5].Rankings!.Select(source => (source.Source, source.Weight, source.Round!.Value)));
    }

    [Fact]
    public async Task A_waiting_stage_goes_on_by_itself_once_enough_rankings_are_in()
    {
        var run = PathOf("run");
        Assert.Equal(ExitCode.Success, Rlhf("sft", RecipeFile(), "--out", run, "--set", "collect.rankings_per_prompt=2").Code);
        Assert.Equal(ExitCode.Paused, Rlhf("collect", "--out", run, "--resume").Code);
        var store = RankingStore.Open(PathOf("run", "rankings.db"));
        Assert.Equal(2, store.Settings().Overlap);

        var labelers = Task.Run(() => Rank(store, "ann", 100) + Rank(store, "bob", 2));
        var half = Rlhf("collect", "--out", run, "--resume", "--set", "collect.enough=0.5", "--set", "collect.wait=true");
        await labelers;

        Assert.Equal(ExitCode.Success, half.Code);
        var rows = File.ReadAllLines(PathOf("run", "stages", "02-collect", "rankings.jsonl")).Select(line => JsonNode.Parse(line)!).ToArray();
        Assert.True(rows.Length >= (int)store.Progress(round: null).Wanted / 2);
        Assert.All(rows, row => Assert.Equal("run/1", (string?)row["round"]));
    }

    [Fact]
    public void What_people_change_after_the_rankings_were_frozen_does_not_reach_the_run()
    {
        var run = PathOf("run");
        Assert.Equal(ExitCode.Paused, Rlhf("run", RecipeFile(), "--out", run).Code);
        var store = RankingStore.Open(PathOf("run", "rankings.db"));
        Rank(store, "ann", 100);
        Assert.Equal(ExitCode.Paused, Rlhf("run", "--resume", "--out", run).Code);
        var frozen = PathOf("run", "stages", "02-collect", "rankings.jsonl");
        var before = File.ReadAllText(frozen);

        // A death after the freezing and before the summary; meanwhile everything is ranked the other way round.
        File.Delete(PathOf("run", "stages", "02-collect", "summary.json"));
        var ann = store.Users().Single(user => user.Name == "ann");
        foreach (var task in store.Rankings().Select(ranking => ranking.Task).ToArray())
        {
            var given = store.Again(ann, task)!;
            store.Submit(ann, new Submission(task, $"changed {task}", new Judgement { Tiers = [.. given.Given!.Tiers!.Reverse()] }, 1, Edit: true));
        }

        Assert.Equal(ExitCode.Paused, Rlhf("run", "--resume", "--out", run).Code);
        Assert.Equal(before, File.ReadAllText(frozen));
        Assert.True(File.Exists(PathOf("run", "stages", "02-collect", "summary.json")));
    }

    [Fact]
    public void Where_nobody_could_judge_anything_the_run_waits_on_and_says_so()
    {
        var run = PathOf("run");
        Assert.Equal(ExitCode.Paused, Rlhf("run", RecipeFile(), "--out", run, "--set", "collect.max_prompts=2").Code);
        var store = RankingStore.Open(PathOf("run", "rankings.db"));
        var user = store.LocalUser();
        while (store.Next(user, []) is { } task)
        {
            store.Submit(user, new Submission(task.Id, $"key {task.Id} 12345", new Judgement { CannotJudge = "gibberish" }, 1));
        }

        var (code, error) = Rlhf("run", "--resume", "--out", run);
        Assert.Equal(ExitCode.Paused, code);
        Assert.Contains("rankings are in (2 times a task was skipped", error, StringComparison.Ordinal);
    }
}
