using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

public sealed class RunFolderTests : IDisposable
{
    private const string Text = """
        name: test
        base: {model: model}
        format: {template: plain}
        data: {demonstrations: {path: a.jsonl}, text: {path: b.jsonl}}
        pretrain: {keep_best: none}
        sft: {epochs: 2, keep_best: none}
        """;

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private string Out => _temporary.PathOf("run");

    private static Recipe Recipe(params string[] overrides) => RecipeReader.Parse(Text, "recipe.yaml", Path.GetFullPath("/recipes"), overrides);

    private static StageSummary Done(StageContext context) => new() { Name = context.Step.Name, Kind = context.Step.Stage.Name };

    private RunSummary Execute(Func<StageContext, StageSummary> stage, bool resume = false, string? only = null, CancellationToken cancellation = default) =>
        RecipeRun.Execute(Recipe(), new RunSettings(Out, resume, only), ProgressReporter.Silent, stage, cancellation);

    [Fact]
    public void A_new_run_writes_its_resolved_recipe()
    {
        using (RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false))
        {
        }

        Assert.StartsWith(RecipeWriter.Write(Recipe()), File.ReadAllText(_temporary.PathOf("run", "recipe.yaml")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_second_run_in_the_same_folder_is_refused()
    {
        RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false).Dispose();

        var message = Assert.Throws<InputException>(() => RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false)).Message;
        Assert.Contains("--resume", message, StringComparison.Ordinal);
        RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: true).Dispose();
    }

    [Fact]
    public void Another_recipe_is_not_resumed_and_the_differences_are_named()
    {
        RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false).Dispose();

        var message =
            Assert.Throws<InputException>(() => RunFolder.Open(Out, RecipeWriter.Write(Recipe("sft.epochs=3", "sft.adam.beta1=0.8")), resume: true)).Message;
        Assert.Contains("sft.epochs: 2 -> 3", message, StringComparison.Ordinal);
        Assert.Contains("sft.adam.beta1: 0.9 -> 0.8", message, StringComparison.Ordinal);
    }

    [Fact]
    public void When_a_run_goes_on_after_people_ranked_may_be_changed_on_the_way()
    {
        Recipe WithPeople(string enough) => Recipe("data.prompts={path: c.jsonl}", $"collect={{labeler: people, {enough}}}");
        RunFolder.Open(Out, RecipeWriter.Write(WithPeople("enough: 0.5, wait: false")), resume: false).Dispose();
        RunFolder.Open(Out, RecipeWriter.Write(WithPeople("enough: 40")), resume: true).Dispose();

        Assert.StartsWith(RecipeWriter.Write(WithPeople("enough: 40")), File.ReadAllText(_temporary.PathOf("run", "recipe.yaml")), StringComparison.Ordinal);
        Assert.Throws<InputException>(() => RunFolder.Open(Out, RecipeWriter.Write(WithPeople("enough: 40, rankings_per_prompt: 2")), resume: true));
    }

    [Fact]
    public void One_process_at_a_time_runs_in_a_folder()
    {
        using var first = RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false);

        var message = Assert.Throws<InputException>(() => RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: true)).Message;
        Assert.Contains("another process", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_folder_with_other_files_is_left_alone()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(_temporary.PathOf("run", "thesis.txt"), "");

        Assert.Throws<InputException>(() => RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false));
        Assert.Single(Directory.GetFileSystemEntries(Out));
    }

    [Fact]
    public void A_death_before_the_recipe_was_written_leaves_a_folder_that_can_be_used()
    {
        Directory.CreateDirectory(Out);
        File.WriteAllText(_temporary.PathOf("run", ".lock"), "");
        File.WriteAllText(_temporary.PathOf("run", "recipe.yaml.partial"), "name: te");

        RunFolder.Open(Out, RecipeWriter.Write(Recipe()), resume: false).Dispose();
    }

    [Fact]
    public void A_complete_stage_is_not_done_again()
    {
        var done = new List<string>();
        Assert.Throws<RunFailedException>(() => Execute(context =>
        {
            done.Add(context.Step.Name);
            return context.Step.Stage.Name == "sft" ? throw new RunFailedException("power cut") : Done(context);
        }));

        var summary = Execute(
            context =>
            {
                done.Add(context.Step.Name);
                return Done(context);
            },
            resume: true);

        Assert.Equal(["01-pretrain", "02-sft", "02-sft"], done);
        Assert.Equal(["01-pretrain", "02-sft"], summary.Stages.Select(stage => stage.Name));
        Assert.Equal(2, SummaryFiles.ReadRun(Out).Stages.Count);
    }

    [Fact]
    public void One_stage_alone_waits_for_those_before_it()
    {
        var message = Assert.Throws<InputException>(() => Execute(Done, only: "sft")).Message;
        Assert.Contains("02-sft needs 01-pretrain first", message, StringComparison.Ordinal);
        Assert.Contains("no reward stage", Assert.Throws<InputException>(() => Execute(Done, resume: true, only: "reward")).Message, StringComparison.Ordinal);

        Execute(Done, only: "pretrain");
        Assert.Equal(2, Execute(Done, only: "sft").Stages.Count);
        Assert.Contains("--resume", Assert.Throws<InputException>(() => Execute(Done, only: "sft")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_cancelled_run_begins_no_further_stage()
    {
        using var cancellation = new CancellationTokenSource();

        Assert.Throws<OperationCanceledException>(() => Execute(
            context =>
            {
                cancellation.Cancel();
                return Done(context);
            },
            cancellation: cancellation.Token));
        Assert.False(Directory.Exists(_temporary.PathOf("run", "stages", "02-sft")));
    }

    [Fact]
    public void Stages_and_rounds_have_seeds_of_their_own()
    {
        var seeds = new List<ulong>();
        Execute(context =>
        {
            seeds.Add(context.SeedOf(null));
            seeds.Add(context.SeedOf(5));
            return Done(context);
        });

        Assert.Equal(4, seeds.Distinct().Count());
    }
}
