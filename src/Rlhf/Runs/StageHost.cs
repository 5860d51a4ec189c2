using Rlhf.Reporting;
using Rlhf.Tokenization;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>The run folder as a trainer sees it: metrics, samples and checkpoints of one trainer of one stage.</summary>
internal sealed class StageHost : ITrainingHost, IDisposable
{
    private const string Seconds = "host.seconds";
    private const long NothingYet = -1; // step 0 is the evaluation before the first step

    private readonly StageContext context;
    private readonly string rows;
    private readonly TrainerCheckpoints checkpoints;
    private readonly SampleFile samples;
    private readonly Tokenizer tokenizer;
    private ProgressTask? progress;
    private long shown;

    /// <summary>Creates the host of a stage's trainer.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="tokenizer">Turns samples into text.</param>
    /// <param name="keepCheckpoints">Checkpoints that stay.</param>
    /// <param name="trainer">Names the second and later trainers of a stage; empty for the first. Their metrics follow the first one's.</param>
    public StageHost(StageContext context, Tokenizer tokenizer, int keepCheckpoints, string trainer = "")
    {
        this.context = context;
        this.tokenizer = tokenizer;
        var suffix = trainer.Length == 0 ? "" : $"-{trainer}";
        rows = context.Step.Name + suffix;
        checkpoints = new TrainerCheckpoints(Path.Combine(context.Folder, "checkpoints" + suffix), keepCheckpoints);
        samples = new SampleFile(Path.Combine(context.Folder, $"samples{suffix}.jsonl"));
    }

    /// <inheritdoc/>
    public CancellationToken Cancellation => context.Cancellation;

    /// <inheritdoc/>
    public void Log(long step, params ReadOnlySpan<(string Name, double Value)> values) => context.Metrics.Write(rows, step, context.Seconds, values);

    /// <inheritdoc/>
    public void Advance(long done, long total, string note)
    {
        if (progress is null)
        {
            progress = context.Progress.Start(rows, total, "steps");
            progress.Skip(shown);
        }

        progress.Advance(done - shown, note);
        shown = done;
    }

    /// <inheritdoc/>
    public void Sample(long step, ReadOnlySpan<int> prompt, ReadOnlySpan<int> response, params ReadOnlySpan<(string Name, double Value)> values) =>
        samples.Append(step, tokenizer.Decode(prompt), tokenizer.Decode(response), values);

    /// <inheritdoc/>
    public bool TryRestore(TrainerState state)
    {
        var step = checkpoints.RestoreLatest(state);
        context.Metrics.TruncateAfter(rows, step ?? NothingYet);
        samples.TruncateAfter(step ?? NothingYet);
        if (step is null)
        {
            return false;
        }

        context.SecondsBefore = state.Numbers.TryGetValue(Seconds, out var seconds) ? seconds : 0;
        state.Numbers.Remove(Seconds);
        shown = step.Value;
        context.Progress.Line(FormattableString.Invariant($"{rows}: going on from the checkpoint of step {step}"));
        return true;
    }

    /// <inheritdoc/>
    public void Save(long step, TrainerState state)
    {
        state.Numbers[Seconds] = context.Seconds;
        checkpoints.Write(step, state);
        state.Numbers.Remove(Seconds);
    }

    /// <summary>Ends the progress display. Checkpoints stay until the stage is complete.</summary>
    public void Dispose() => progress?.Dispose();
}
