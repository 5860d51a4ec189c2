using Rlhf.Evaluation;

namespace Rlhf.Reports;

/// <summary>
/// <c>summary.json</c> of a run folder: every final figure of the run as data. The stages stand in the order in which they ran.
/// </summary>
public sealed record RunSummary
{
    /// <summary>The recipe's name.</summary>
    public required string Name { get; init; }

    /// <summary>The program's version, as in <c>environment.json</c>.</summary>
    public string? Program { get; init; }

    /// <summary>The recipe's seed.</summary>
    public long? Seed { get; init; }

    /// <summary>When the first stage began (UTC).</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>Wall-clock seconds of all stages together.</summary>
    public double Seconds { get; init; }

    /// <summary>What came out, as sentences for a person; warnings included.</summary>
    public IReadOnlyList<string> Sentences { get; init; } = [];

    /// <summary>One entry per finished stage.</summary>
    public IReadOnlyList<StageSummary> Stages { get; init; } = [];
}

/// <summary><c>stages/NN-name/summary.json</c>: what one stage did and what came out of it.</summary>
public sealed record StageSummary
{
    /// <summary>The stage's folder name: <c>01-sft</c>, <c>05-collect-2</c>.</summary>
    public required string Name { get; init; }

    /// <summary>The name of its kind: <c>sft</c>, <c>ppo</c>.</summary>
    public required string Kind { get; init; }

    /// <summary>The round of collect, reward and PPO that the stage belongs to, from 1.</summary>
    public int Round { get; init; } = 1;

    /// <summary>When the stage began (UTC); the first time, if it was resumed.</summary>
    public DateTimeOffset? Started { get; init; }

    /// <summary>Wall-clock seconds, of all attempts together if it was resumed.</summary>
    public double Seconds { get; init; }

    /// <summary>Most memory of the whole program that was resident during the stage (the last attempt, if it was resumed).</summary>
    public long? PeakMemoryBytes { get; init; }

    /// <summary>Optimizer steps (or PPO steps) done; 0 for a stage that trains nothing.</summary>
    public long Steps { get; init; }

    /// <summary>Final figures by the keys of their metrics.</summary>
    public IReadOnlyDictionary<string, Figure> Figures { get; init; } = new Dictionary<string, Figure>();

    /// <summary>Reward stages: how far the reward model can be trusted.</summary>
    public TrustReport? Trust { get; init; }

    /// <summary>Collect stages: who ranked how much.</summary>
    public IReadOnlyList<LabelerCount>? Labelers { get; init; }

    /// <summary>Reward stages: what the reward model was trained on.</summary>
    public IReadOnlyList<RankingSource>? Rankings { get; init; }

    /// <summary>PPO stages: what PPO learned.</summary>
    public LearnedReport? Learned { get; init; }

    /// <summary>Alarms that rang, in order of their steps.</summary>
    public IReadOnlyList<Alarm> Alarms { get; init; } = [];

    /// <summary>The same held-out prompts answered by several models.</summary>
    public IReadOnlyList<SideBySide>? SideBySide { get; init; }

    /// <summary>One prompt that is carried through the stages: a reward stage has ranked answers and their scores, PPO answers before and after.</summary>
    public WorkedExample? Example { get; init; }

    /// <summary>KL to the reference against score over the stage's evaluations, in order of their steps.</summary>
    public IReadOnlyList<FrontierPoint>? Frontier { get; init; }

    /// <summary>The best of n answers of the SFT model on the same prompts and scale; absent where it was not asked for.</summary>
    public IReadOnlyList<BestOfNPoint>? BestOfN { get; init; }

    /// <summary>SHA-256 (hex) of the model that the stage wrote; absent for a stage that writes none.</summary>
    public string? ModelHash { get; init; }

    /// <summary>The models that the stage started from or used: the lineage of its result.</summary>
    public IReadOnlyList<ModelLink> Inputs { get; init; } = [];

    /// <summary>SHA-256 (hex) of every file that the stage left in its folder, by its path there; absent in the run's summary.</summary>
    public IReadOnlyDictionary<string, string>? Files { get; init; }

    /// <summary>CRC-32C (hex) of the stage's rows in <c>metrics.jsonl</c>.</summary>
    public string? MetricsChecksum { get; init; }

    /// <summary>SHA-256 (hex) of every data file read, by its path as the recipe writes it.</summary>
    public IReadOnlyDictionary<string, string> DataHashes { get; init; } = new Dictionary<string, string>();
}

/// <summary>A number with its 95 % interval, where it has one.</summary>
/// <param name="Value">The number.</param>
/// <param name="Low">Lower end of the 95 % interval.</param>
/// <param name="High">Upper end of the 95 % interval.</param>
/// <param name="Unit">Unit for people: <c>nats</c>, <c>tokens</c>, <c>%</c> is not one (shares are 0 to 1, unit <c>share</c>).</param>
public sealed record Figure(double Value, double? Low = null, double? High = null, string? Unit = null);

/// <summary>Final figures by the keys of their metrics.</summary>
internal sealed class FigureTable : Dictionary<string, Figure>
{
    /// <summary>Sets the figure of a metric.</summary>
    public Figure this[Metric metric]
    {
        set => this[metric.Key] = value;
    }
}

/// <summary>Makes and finds figures.</summary>
internal static class FigureMaking
{
    /// <summary>The stage's figure of a metric; null where it has none.</summary>
    public static Figure? Of(this StageSummary stage, Metric metric) => stage.Figures.GetValueOrDefault(metric.Key);

    /// <summary>An estimate as a figure.</summary>
    public static Figure ToFigure(this Estimate estimate, string? unit = null) => new(estimate.Value, estimate.Low, estimate.High, unit);
}

/// <summary>A model that went into a stage.</summary>
/// <param name="Role"><c>start</c>, <c>policy</c>, <c>reference</c>, <c>reward</c>, <c>second_reward</c>, <c>value</c> or <c>labeler</c>.</param>
/// <param name="Source">The stage that made it (<c>01-sft</c>), a folder, or <c>from scratch</c>.</param>
/// <param name="Hash">SHA-256 (hex) of the model.</param>
public sealed record ModelLink(string Role, string Source, string? Hash = null);

/// <summary>How much somebody ranked.</summary>
/// <param name="Name">A person's name, <c>gold</c>, or what other labelers are called.</param>
/// <param name="Rankings">Rankings by them.</param>
public sealed record LabelerCount(string Name, long Rankings);

/// <summary>Rankings that a reward model was trained on.</summary>
/// <param name="Source">The collect stage, or <c>data.comparisons</c>.</param>
/// <param name="Weight">Their weight in the loss; those of weight 0 are left out.</param>
/// <param name="Training">Rankings trained on.</param>
/// <param name="HeldOut">Rankings held out.</param>
/// <param name="Round">The round in which they were collected.</param>
public sealed record RankingSource(string Source, double Weight, int Training, int HeldOut, int? Round = null);

/// <summary>One held-out prompt and its answers.</summary>
/// <param name="Prompt">The prompt as a person reads it.</param>
/// <param name="Answers">One answer per model, in the order base, SFT, PPO.</param>
public sealed record SideBySide(string Prompt, IReadOnlyList<ModelAnswer> Answers);

/// <summary>One prompt as an example of what a stage does. All scores are the reward model's own, on no other scale.</summary>
/// <param name="Prompt">The prompt as a person reads it.</param>
/// <param name="Tokens">Its tokens, by which later stages answer the same.</param>
/// <param name="Answers">Answers A, B, C ... that were ranked, or those of models by their names.</param>
/// <param name="Ranking">The ranking of the answers, best tier first; null where they were not ranked.</param>
/// <param name="Labeler">Who ranked, where known.</param>
public sealed record WorkedExample(
    string Prompt, IReadOnlyList<int> Tokens, IReadOnlyList<ModelAnswer> Answers, IReadOnlyList<IReadOnlyList<int>>? Ranking = null, string? Labeler = null);

/// <summary>One model's answer.</summary>
/// <param name="Model"><c>base</c>, <c>SFT</c>, <c>PPO</c> or another name.</param>
/// <param name="Text">The answer.</param>
/// <param name="Score">The reward model's score.</param>
/// <param name="SecondScore">The second (check) reward model's score.</param>
/// <param name="GoldScore">The gold rule's score, where the truth is known.</param>
/// <param name="Tokens">Length in tokens.</param>
/// <param name="Finished">False: the answer was cut at the token limit.</param>
/// <param name="Verdict">The gold rule's judgement in words.</param>
public sealed record ModelAnswer(
    string Model, string Text, double? Score = null, double? SecondScore = null, double? GoldScore = null, int? Tokens = null, bool? Finished = null,
    string? Verdict = null);

/// <summary>One point of the KL–reward frontier.</summary>
/// <param name="Step">PPO step; 0 is the reference itself.</param>
/// <param name="Kl">KL to the reference in nats per answer.</param>
/// <param name="Score">Mean score on held-out prompts.</param>
/// <param name="ScoreLow">Lower end of the 95 % interval of the score.</param>
/// <param name="ScoreHigh">Upper end of the 95 % interval of the score.</param>
/// <param name="SecondScore">Mean score by the second reward model.</param>
/// <param name="GoldScore">Mean score by the gold rule.</param>
public sealed record FrontierPoint(
    long Step, double Kl, double Score, double? ScoreLow = null, double? ScoreHigh = null, double? SecondScore = null, double? GoldScore = null);

/// <summary>The best of n answers to held-out prompts.</summary>
/// <param name="N">Answers of which the best is taken.</param>
/// <param name="KlBound">log n - (n - 1) / n: the most by which it is away from the model that answers, nats.</param>
/// <param name="Score">Its expected score, without bias, as a mean over prompts.</param>
/// <param name="ScoreLow">Lower end of the 95 % interval over prompts.</param>
/// <param name="ScoreHigh">Upper end.</param>
public sealed record BestOfNPoint(int N, double KlBound, double Score, double ScoreLow, double ScoreHigh);
