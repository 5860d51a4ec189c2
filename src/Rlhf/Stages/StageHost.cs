using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>The run folder as a trainer sees it: metrics, samples and checkpoints of one trainer of one stage.</summary>
internal sealed class StageHost : ITrainingHost, IDisposable
{
    private const string Seconds = "host.seconds";
    private const string MetricsChecksum = "host.metrics_crc32c";
    private const string SamplesChecksum = "host.samples_crc32c";
    private const string MetricsRows = "host.metrics_rows";
    private const string SamplesRows = "host.samples_rows";

    private readonly StageContext _context;
    private readonly string _rows;
    private readonly TrainerCheckpoints _checkpoints;
    private readonly SampleFile _samples;
    private readonly Tokenizer _tokenizer;
    private ProgressTask? _progress;
    private long _shown;

    /// <summary>Creates the host of a stage's trainer.</summary>
    /// <param name="context">The stage.</param>
    /// <param name="tokenizer">Turns samples into text.</param>
    /// <param name="keepCheckpoints">Checkpoints that stay.</param>
    /// <param name="trainer">Names the second and later trainers of a stage; empty for the first. Their metrics follow the first one's.</param>
    public StageHost(StageContext context, Tokenizer tokenizer, int keepCheckpoints, string trainer = "")
    {
        _context = context;
        _tokenizer = tokenizer;
        var suffix = trainer.Length == 0 ? "" : $"-{trainer}";
        _rows = context.Step.Name + suffix;
        _checkpoints = new TrainerCheckpoints(Path.Combine(context.Folder, "checkpoints" + suffix), keepCheckpoints);
        _samples = new SampleFile(Path.Combine(context.Folder, $"samples{suffix}.jsonl"));
    }

    /// <summary>Is done after each row of metrics: alarms go off when there is cause, not at the stage's end.</summary>
    public Action<MetricsRow>? Logged { get; set; }

    /// <inheritdoc/>
    public CancellationToken Cancellation => _context.Cancellation;

    /// <inheritdoc/>
    public void Log(long step, params ReadOnlySpan<(Metric Metric, double Value)> values)
    {
        var seconds = _context.Seconds;
        _context.Metrics.Write(_rows, step, seconds, values);
        if (Logged is { } look)
        {
            look(new MetricsRow(_rows, step, seconds, values.ToArray().ToDictionary(static pair => pair.Metric.Key, static pair => pair.Value)));
        }
    }

    /// <inheritdoc/>
    public void Advance(long done, long total, string note)
    {
        if (_progress is null)
        {
            _progress = _context.Progress.Start(_rows, total, "steps");
            _progress.Skip(_shown);
            _context.WriteLedger();
        }

        _progress.Advance(done - _shown, note);
        _shown = done;
    }

    /// <inheritdoc/>
    public void Sample(long step, ReadOnlySpan<int> prompt, ReadOnlySpan<int> response, params ReadOnlySpan<(string Name, double Value)> values) =>
        _samples.Append(step, _tokenizer.Decode(prompt), _tokenizer.Decode(response), values);

    /// <inheritdoc/>
    public bool TryRestore(TrainerState state)
    {
        var begun = _checkpoints.HasAny;
        var step = _checkpoints.RestoreLatest(state, damage => _context.Progress.Line($"{_rows}: {damage}"));
        _context.Metrics.KeepFirst(_rows, (int)Take(state, MetricsRows));
        _samples.KeepFirst((int)Take(state, SamplesRows));
        if (step is null)
        {
            if (begun)
            {
                _context.Progress.Line($"{_rows}: no good checkpoint is left; it begins again from its start, and comes to the same result");
            }

            return false;
        }

        _context.SecondsBefore = Take(state, Seconds);
        Check(_context.Metrics.FullPath, _context.Metrics.ChecksumOf(_rows), Take(state, MetricsChecksum), step.Value);
        Check(_samples.FullPath, _samples.Checksum(), Take(state, SamplesChecksum), step.Value);
        _shown = step.Value;
        _context.Progress.Line(FormattableString.Invariant($"{_rows}: going on from the checkpoint of step {step}"));
        return true;
    }

    /// <inheritdoc/>
    public void Save(long step, TrainerState state)
    {
        state.Numbers[Seconds] = _context.Seconds;
        (state.Numbers[MetricsRows], state.Numbers[MetricsChecksum]) = _context.Metrics.StateOf(_rows);
        state.Numbers[SamplesChecksum] = _samples.Checksum();
        state.Numbers[SamplesRows] = _samples.Count();
        _checkpoints.Write(step, state);
        foreach (var name in (string[])[Seconds, MetricsChecksum, SamplesChecksum, MetricsRows, SamplesRows])
        {
            state.Numbers.Remove(name);
        }
    }

    /// <summary>Ends the progress display. Checkpoints stay until the stage is complete.</summary>
    public void Dispose() => _progress?.Dispose();

    private static double Take(TrainerState state, string name) => state.Numbers.Remove(name, out var value) ? value : 0;

    // PPO reads its history back from the metrics.
    private void Check(string file, uint found, double expected, long step)
    {
        if (found != expected)
        {
            throw new InputException(FormattableString.Invariant(
                $"{file}: the rows of {_rows} up to step {step} are damaged or were changed (checksum {Crc32C.ToText(found)}, at the checkpoint {Crc32C.ToText((uint)expected)}). Put the file back as it was, or delete {_context.Folder} to do the stage again."));
        }
    }
}
