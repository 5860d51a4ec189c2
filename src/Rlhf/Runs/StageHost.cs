using Rlhf.Reporting;
using Rlhf.Tokenization;
using Rlhf.Training;

namespace Rlhf.Runs;

/// <summary>The run folder as a trainer sees it: metrics, samples and checkpoints of one trainer of one stage.</summary>
internal sealed class StageHost : ITrainingHost, IDisposable
{
    private const string Seconds = "host.seconds";
    private const string MetricsChecksum = "host.metrics_crc32c";
    private const string SamplesChecksum = "host.samples_crc32c";
    private const string MetricsRows = "host.metrics_rows";
    private const string SamplesRows = "host.samples_rows";

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
        var begun = checkpoints.HasAny;
        var step = checkpoints.RestoreLatest(state, damage => context.Progress.Line($"{rows}: {damage}"));
        context.Metrics.KeepFirst(rows, (int)Take(state, MetricsRows));
        samples.KeepFirst((int)Take(state, SamplesRows));
        if (step is null)
        {
            if (begun)
            {
                context.Progress.Line($"{rows}: no good checkpoint is left; it begins again from its start, and comes to the same result");
            }

            return false;
        }

        context.SecondsBefore = Take(state, Seconds);
        Check(context.Metrics.FullPath, context.Metrics.ChecksumOf(rows), Take(state, MetricsChecksum), step.Value);
        Check(samples.FullPath, samples.Checksum(), Take(state, SamplesChecksum), step.Value);
        shown = step.Value;
        context.Progress.Line(FormattableString.Invariant($"{rows}: going on from the checkpoint of step {step}"));
        return true;
    }

    /// <inheritdoc/>
    public void Save(long step, TrainerState state)
    {
        state.Numbers[Seconds] = context.Seconds;
        state.Numbers[MetricsChecksum] = context.Metrics.ChecksumOf(rows);
        state.Numbers[SamplesChecksum] = samples.Checksum();
        state.Numbers[MetricsRows] = context.Metrics.CountOf(rows);
        state.Numbers[SamplesRows] = samples.Count();
        checkpoints.Write(step, state);
        foreach (var name in (string[])[Seconds, MetricsChecksum, SamplesChecksum, MetricsRows, SamplesRows])
        {
            state.Numbers.Remove(name);
        }
    }

    /// <summary>Ends the progress display. Checkpoints stay until the stage is complete.</summary>
    public void Dispose() => progress?.Dispose();

    private static double Take(TrainerState state, string name) => state.Numbers.Remove(name, out var value) ? value : 0;

    // PPO reads its history back from the metrics.
    private void Check(string file, uint found, double expected, long step)
    {
        if (found != expected)
        {
            throw new InputException(FormattableString.Invariant(
                $"{file}: the rows of {rows} up to step {step} are damaged or were changed (checksum {Crc32C.ToText(found)}, at the checkpoint {Crc32C.ToText((uint)expected)}). Put the file back as it was, or delete {context.Folder} to do the stage again."));
        }
    }
}
