using System.Text.Json.Nodes;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

/// <summary>A run of all stages but pretraining that takes a second or two, with data files of its own.</summary>
internal sealed class TinyRun : IDisposable
{
    private const string Text = """
        name: tiny
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 128}
          train_tokenizer: {vocabulary_size: 300}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          demonstrations: {path: "demonstrations*.jsonl", ignore: [quality], held_out: 0.2}
          comparisons: {path: comparisons.jsonl}
          prompts: {path: prompts.jsonl}
          evaluation_prompts: {path: evaluation.jsonl}
        sft: {epochs: 1, batch: 4, learning_rate: 1e-3, checkpoint_every: 1, evaluate_every: 2}
        collect: {answers_per_prompt: 3, max_prompts: 8, max_new_tokens: 8, labeler: gold}
        reward: {batch: 2, learning_rate: 1e-3, checkpoint_every: 2, ties: half}
        ppo: {steps: 3, rollouts_per_step: 8, minibatch: 4, max_new_tokens: 8, learning_rate: 1e-3, value_learning_rate: 1e-3, evaluate_every: 2, evaluation_samples: 1, checkpoint_every: 1}
        """;

    private readonly TestFolder _temporary = new();

    public TinyRun()
    {
        var files = QuickstartData.Write(PathOf("world"), new QuickstartCounts(Demonstrations: 24, Prompts: 16, EvaluationPrompts: 4, Texts: 1));
        string[] questions = [.. InstructionsOf(files[QuickstartSet.Demonstrations])];
        Write("demonstrations.jsonl", File.ReadLines(files[QuickstartSet.Demonstrations]).Take(20));
        Write("comparisons.jsonl", questions.Take(16).Select(question => $$"""{"prompt": {{question}}, "chosen": "Yes, please.", "rejected": "No."}"""));
        Write("prompts.jsonl", File.ReadLines(files[QuickstartSet.Prompts]));
        Write("evaluation.jsonl", File.ReadLines(files[QuickstartSet.EvaluationPrompts]));
        File.WriteAllText(PathOf("tiny.yaml"), Text);
    }

    /// <summary>Lines for a person, of all attempts.</summary>
    public StringWriter Lines { get; } = new();

    public string Folder => PathOf("run");

    public string PathOf(params string[] parts) => _temporary.PathOf(parts);

    public void Dispose() => _temporary.Dispose();

    public void Write(string name, IEnumerable<string> rows) => File.WriteAllLines(PathOf(name), rows);

    public Recipe Recipe(params string[] changes) => RecipeReader.Read(PathOf("tiny.yaml"), changes);

    public RunSummary Run(string? folder = null, bool resume = false, CancellationToken cancellation = default, params string[] changes) =>
        RecipeRun.Execute(Recipe(changes), new RunSettings(folder ?? Folder, resume), Reporter(), cancellation);

    /// <summary>Runs until a stage of this kind would begin, or until <paramref name="within"/> throws in it.</summary>
    public void RunUpTo(string kind, bool resume = false, Action<StageContext>? within = null, string? folder = null)
    {
        StageSummary Stop(StageContext context)
        {
            within?.Invoke(context);
            throw new RunFailedException("Here the run ends.");
        }

        try
        {
            RecipeRun.Execute(Recipe(), new RunSettings(folder ?? Folder, resume), Reporter(),
                context => context.Step.Stage.Name == kind ? Stop(context) : context.Step.Stage.Run(context), CancellationToken.None, checkInputs: true);
        }
        catch (RunFailedException exception) when (exception.Message == "Here the run ends.")
        {
            return;
        }

        Assert.Fail("The run went on.");
    }

    /// <summary>Runs until a checkpoint of this step is written in a stage of this kind; the next step is the last, and has a checkpoint, too.</summary>
    public void StopAfter(string kind, int step, string? folder = null)
    {
        using var cancellation = new CancellationTokenSource();
        var checkpoint = Path.Combine(folder ?? Folder, "stages", StageStep.Of(Recipe()).Single(other => other.Stage.Name == kind).Name, "checkpoints",
            FormattableString.Invariant($"step-{step:000000}"));
        Assert.Throws<OperationCanceledException>(() => RunWatched(() =>
        {
            if (Directory.Exists(checkpoint))
            {
                cancellation.Cancel();
            }
        }, folder, cancellation.Token));
    }

    /// <summary>Runs, and looks on whenever a step is done.</summary>
    public void RunWatched(Action look, string? folder = null, CancellationToken cancellation = default, params string[] changes) => RecipeRun.Execute(
        Recipe(changes), new RunSettings(folder ?? Folder), new ProgressReporter(Lines, terminal: false, color: false, () => 80, new WatchfulClock(look)),
        cancellation);

    /// <summary>The weights that the run ended with, and its metrics but for the times.</summary>
    public static IReadOnlyDictionary<string, string> ResultsOf(string folder) => ResumeTests.ResultsOf(folder).Append(
        new KeyValuePair<string, string>("metrics",
        string.Join('\n', ResumeTests.MetricsOf(folder).Where(metric => !metric.Contains("tokens_per_second", StringComparison.Ordinal))))).ToDictionary();

    private static IEnumerable<string> InstructionsOf(string file) => File.ReadLines(file).Select(line => JsonNode.Parse(line)!["prompt"]!.ToJsonString());

    private ProgressReporter Reporter() => new(Lines, terminal: false, color: false, () => 80, TimeProvider.System);

    /// <summary>A clock that the progress of every step looks at.</summary>
    private sealed class WatchfulClock(Action look) : TimeProvider
    {
        public override long GetTimestamp()
        {
            look();
            return base.GetTimestamp();
        }
    }
}
