using System.Globalization;
using System.Text;
using System.Text.Json;
using Rlhf.Data;
using Rlhf.Evaluation;
using Rlhf.Reports;

namespace Rlhf.Web.Tests.Watching;

/// <summary>A run's folder as a run of PPO leaves it, with as many steps as are asked for, and no run behind it.</summary>
internal sealed class MadeUpRun : IDisposable
{
    public const string Stage = "03-ppo";

    private static readonly string[] Keys =
    [
        "score", "kl", "objective", "response_length", "entropy", "eos_share", "distinct_share", "clip_fraction", "approximate_kl", "explained_variance",
        "policy_loss", "value_loss", "gradient_norm", "tokens_per_second", "kl_coefficient", "learning_rate",
    ];

    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("rlhf-watch-");

    public string Folder => Path.Combine(_place.FullName, "polite");

    public string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    public void Dispose() => _place.Delete(recursive: true);

    public void Begin()
    {
        Directory.CreateDirectory(PathOf("stages", "01-sft"));
        Directory.CreateDirectory(PathOf("stages", Stage));
        var ledger = new Ledger("01-sft");
        for (var row = 1; row <= 40; row++)
        {
            ledger.Read("/home/somebody/demonstrations.jsonl");
            if (row % 10 == 0)
            {
                ledger.Drop(new RowPosition("/home/somebody/demonstrations.jsonl", row, 1), "longer than the context");
            }
        }

        File.WriteAllText(PathOf("stages", "01-sft", Ledger.FileName), ledger.ToJson().ToJsonString());
        SummaryFiles.WriteStage(PathOf("stages", "01-sft"), new StageSummary { Name = "01-sft", Kind = "sft" });
        WriteMetrics("01-sft", 1, 60, "loss", "validation_loss", "learning_rate");
    }

    /// <summary>Appends the rows of steps of PPO.</summary>
    public void Step(int first, int last)
    {
        WriteMetrics(Stage, first, last, Keys);
        using var samples = new StreamWriter(PathOf("stages", Stage, "samples.jsonl"), append: true);
        for (var step = first; step <= last; step++)
        {
            var (prompt, response) = ($"Question {step}: who wrote it?", $"It was written by number {step}.");
            samples.Write(JsonSerializer.Serialize(new { step, prompt, response, score = step / 100.0, finished = 1 }) + "\n");
        }
    }

    public void Say(RunState state = RunState.Running, long done = 0, long total = 100, double age = 0, params StageAlarm[] alarms) => new RunStatus
    {
        State = state,
        Process = 1,
        Updated = DateTimeOffset.UtcNow - TimeSpan.FromSeconds(age),
        Stages = ["01-sft", "02-reward", Stage],
        Work = new WorkStatus(Stage, done, total, "steps", "score 0.41, KL 1.20", 30, 90),
        MemoryBytes = 300 << 20,
        PeakMemoryBytes = 400 << 20,
        Alarms = alarms,
        Lines = [$"{Stage}: step {done}, held-out score 0.41, KL 1.2"],
    }.Write(Folder);

    public static StageAlarm KlAlarm(int step) => new(Stage, new Alarm(step, "kl", "KL to the SFT model is 11.2 nats per answer, above the bound of 10."));

    private void WriteMetrics(string stage, int first, int last, params string[] keys)
    {
        var text = new StringBuilder();
        for (var step = first; step <= last; step++)
        {
            text.Append(CultureInfo.InvariantCulture, $"{{\"stage\":\"{stage}\",\"step\":{step},\"seconds\":{step * 1.5}");
            for (var i = 0; i < keys.Length; i++)
            {
                var value = keys[i] == "learning_rate" ? 0.001 : 1.2 + Math.Sin(step * (i + 1) / 200.0) + (0.2 * Math.Sin(step * 12.9898));
                text.Append(CultureInfo.InvariantCulture, $",\"{keys[i]}\":{value}");
            }

            text.Append("}\n");
        }

        File.AppendAllText(PathOf(MetricsFile.Name), text.ToString());
    }
}
