using System.Diagnostics;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Text;
using Rlhf.Training;

namespace Rlhf.Stages;

/// <summary>What a stage is given: the recipe, its place in the run, its folder, the device, metrics, progress, and the wish to stop.</summary>
public sealed class StageContext : IDisposable
{
    private readonly long _begun = Stopwatch.GetTimestamp();
    private readonly SpillFile _spill;

    internal StageContext(
        Recipe recipe, StageStep step, RunFolder run, IDevice device, MetricsWriter metrics, ProgressReporter progress, CancellationToken cancellation)
    {
        (Recipe, Step, Run, Device, Metrics, Progress, Cancellation) = (recipe, step, run, device, metrics, progress, cancellation);
        Folder = run.StageFolder(step);
        _spill = new SpillFile(Path.Combine(Folder, "encoded" + SpillFile.Ending));
        Ledger = new Ledger(step.Name);
        Models = new ModelLineage(recipe, run, step);
        Data = new StageData(recipe, run, Ledger);
    }

    /// <summary>The whole recipe.</summary>
    public Recipe Recipe { get; }

    /// <summary>Which stage this is.</summary>
    public StageStep Step { get; }

    /// <summary>The run's folder.</summary>
    public RunFolder Run { get; }

    /// <summary>Where it computes.</summary>
    public IDevice Device { get; }

    /// <summary>The run's metrics.</summary>
    public MetricsWriter Metrics { get; }

    /// <summary>Tells a person how far the work is.</summary>
    public ProgressReporter Progress { get; }

    /// <summary>Asks the stage to write a checkpoint and stop.</summary>
    public CancellationToken Cancellation { get; }

    /// <summary>The stage's folder.</summary>
    public string Folder { get; }

    /// <summary>Where the stage writes its model.</summary>
    public string ModelFolder => Run.ModelFolder(Step);

    /// <summary>What becomes of every row that the stage reads.</summary>
    public Ledger Ledger { get; }

    /// <summary>The models that came before.</summary>
    public ModelLineage Models { get; }

    /// <summary>The rows of the recipe's data.</summary>
    public StageData Data { get; }

    /// <summary>When the stage began for the first time.</summary>
    public DateTimeOffset Started => Directory.GetCreationTimeUtc(Folder);

    /// <summary>Seconds of the stage, those before an interruption included.</summary>
    public double Seconds => SecondsBefore + Stopwatch.GetElapsedTime(_begun).TotalSeconds;

    /// <summary>Seconds that earlier attempts took up to the checkpoint that this one goes on from.</summary>
    internal double SecondsBefore { get; set; }

    /// <summary>The stage's seed: its own if it gives one, else derived from the recipe's, its kind and its round.</summary>
    public ulong SeedOf(ulong? own) => Step.SeedOf(own, Recipe);

    /// <summary>Reads the stage's rows for a model.</summary>
    internal StageReader Reader(Tokenizer tokenizer, int contextLength) => new(Recipe, Data, tokenizer, contextLength, Ledger, _spill, Progress);

    /// <summary>Opens what shares the frozen weights of the stage's models.</summary>
    internal StageModels OpenModels(AdapterOptions? adapter) =>
        new(Device, adapter?.BaseStorage ?? Recipe.FrozenPrecision, note => Progress.Line($"{Step.Name}: {note}"));

    /// <summary>Loads a model that the stage does not train.</summary>
    internal Decoder LoadFrozen(string folder, HeadKind kind, bool shifted = false) =>
        Checkpoint.Open(folder).Load(Device, kind, trainable: false, Recipe.FrozenPrecision, shifted);

    /// <summary>Removes what was written only to be read again.</summary>
    public void Dispose() => _spill.Dispose();

    /// <summary>What the stage has logged so far, before a resume too; each call reads the file.</summary>
    internal IEnumerable<MetricsRow> LoggedRows() => MetricsFile.Read(Run.FullPath).Where(row => row.Stage == Step.Name);

    /// <summary>Writes <c>ledger.json</c> when the rows are read, so that who looks on need not wait for the stage's end.</summary>
    internal void WriteLedger() => CheckedJson.Write(Path.Combine(Folder, Ledger.FileName), Ledger.ToJson(), SummaryFiles.Json);

    /// <summary>Writes <c>ledger.json</c> and then <c>summary.json</c>, with which the stage is complete.</summary>
    internal void Complete(StageSummary summary)
    {
        _spill.Dispose();
        WriteLedger();
        SummaryFiles.WriteStage(Folder, summary with
        {
            Started = Started,
            Seconds = Seconds,
            PeakMemoryBytes = ResidentMemory.PeakBytes(),
            DataHashes = Data.Hashes,
            Files = StageFiles.HashesOf(Folder),
            MetricsChecksum = Crc32C.ToText(Metrics.ChecksumOf(Step.Name)),
        });

        // The model is complete; checkpoints are several times its size.
        StageFiles.DeleteCheckpoints(Folder);
    }
}
