using Rlhf.Cli;
using Rlhf.Labelers.Store;
using Rlhf.Runs;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>A run whose demonstrations people write; here they are played through the store.</summary>
public sealed class PeopleDemonstrationsTests : IDisposable
{
    private const string Recipe = """
        name: written
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 60, prompts: 30, evaluation_prompts: 4, texts: 20}
          prompts: {}
          text: {}
        pretrain: {epochs: 1, batch: 8, learning_rate: 1e-3, keep_best: none}
        sft:
          demonstrations: people
          people: {max_prompts: 8, wait: false, held_out: 0.25}
          epochs: 1
          batch: 4
          learning_rate: 1e-3
          keep_best: none
        """;

    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-written-").FullName;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(params string[] names) => Path.Combine([_folder, .. names]);

    private string RecipeFile(string recipe)
    {
        File.WriteAllText(PathOf("written.yaml"), recipe);
        return PathOf("written.yaml");
    }

    private static (int Code, string Error) Rlhf(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Program.Run([.. arguments, "--quiet"], output, error), error.ToString());
    }

    private static void Write(RankingStore store, string name, int most, Func<LabelTask, Judgement> answer)
    {
        store.AddUser(name, UserRole.Labeler);
        var user = store.Users().Single(one => one.Name == name);
        for (var i = 0; i < most && store.Next(user, []) is { } task; i++)
        {
            Assert.Equal(TaskKind.Write, task.Kind);
            Assert.Equal(SubmissionResult.Stored, store.Submit(user, new Submission(task.Id, $"{name} {task.Id} key", answer(task), 5)));
        }
    }

    private static Judgement AnswerOf(LabelTask task) => new() { Written = $"It is {task.Id}." };

    [Fact]
    public void The_run_waits_for_people_and_is_trained_on_what_they_wrote()
    {
        var (recipe, run) = (RecipeFile(Recipe), PathOf("run"));
        var (code, error) = Rlhf("run", recipe, "--out", run);
        Assert.True(code == ExitCode.Paused, error);
        Assert.Contains("02-sft: 0 of 8 demonstrations are in; people write", error, StringComparison.Ordinal);
        Assert.Contains("--set sft.people.enough=0.5", error, StringComparison.Ordinal);

        var store = RankingStore.Open(PathOf("run", "rankings.db"));
        Write(store, "ann", 5, AnswerOf);
        Write(store, "bob", 1, _ => new Judgement { CannotJudge = "I do not know" });
        Assert.Contains("5 of 8 demonstrations are in (1 times a task was skipped", Rlhf("run", "--resume", "--out", run).Error, StringComparison.Ordinal);
        (code, error) = Rlhf("run", "--resume", "--out", run, "--set", "sft.people.enough=0.6");
        Assert.True(code == 0, error);

        // What comes later does not reach the run.
        var stage = PathOf("run", "stages", "02-sft");
        var frozen = File.ReadAllLines(Path.Combine(stage, "demonstrations.jsonl"));
        Write(store, "eve", 2, AnswerOf);
        Assert.Equal(0, Rlhf("run", "--resume", "--out", run).Code);
        Assert.Equal(frozen, File.ReadAllLines(Path.Combine(stage, "demonstrations.jsonl")));
        Assert.Equal(5, frozen.Length);
        Assert.All(frozen, row => Assert.Contains("\"labeler\":\"ann\"", row, StringComparison.Ordinal));
        var summary = File.ReadAllText(Path.Combine(stage, "summary.json"));
        Assert.Contains("\"ann\"", summary, StringComparison.Ordinal);
        Assert.True(File.Exists(Path.Combine(stage, "model", "model.safetensors")));
    }

    [Fact]
    public void A_run_of_skipped_prompts_alone_waits_on_and_says_so()
    {
        var (recipe, run) = (RecipeFile(Recipe), PathOf("run"));
        Rlhf("run", recipe, "--out", run);
        Write(RankingStore.Open(PathOf("run", "rankings.db")), "ann", 8, _ => new Judgement { CannotJudge = "no" });
        var (code, error) = Rlhf("run", "--resume", "--out", run);
        Assert.Equal(ExitCode.Paused, code);
        Assert.Contains("0 of 8 demonstrations are in (8 times a task was skipped", error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_plan_is_made_before_anybody_has_written()
    {
        var plan = RecipePlan.Of(RecipeReader.Read(RecipeFile(Recipe), []));
        Assert.Equal((6, "rows"), (plan.Stages[1].Examples, plan.Stages[1].ExampleKind));
    }

    [Theory]
    [InlineData("demonstrations: people", "demonstrations: ann", "sft.demonstrations")]
    [InlineData("demonstrations: people", "demonstrations: none", "sft.people")]
    [InlineData("max_prompts: 8", "enough: 1.5", "sft.people.enough")]
    [InlineData("max_prompts: 8", "store: \"postgres://me:secret@host/db\"", "sft.people.store")]
    [InlineData("  prompts: {}\n", "", "data.prompts")]
    [InlineData("  prompts: {}\n", "  prompts: {}\n  demonstrations: {}\n", "data.demonstrations")]
    public void What_makes_no_sense_is_told_with_its_key(string was, string now, string key)
    {
        var recipe = Recipe.Replace("\r", "", StringComparison.Ordinal).Replace(was, now, StringComparison.Ordinal);
        var error = Assert.Throws<InputException>(() => RecipeReader.Read(RecipeFile(recipe), []));
        Assert.Contains(key, error.Message, StringComparison.Ordinal);
    }
}
