using System.Text.Json;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.Runs;

namespace Rlhf.Tests.Runs;

/// <summary>A run folder made up by code, with the figures of a run whose whole gain was one word.</summary>
internal static class MadeUpRun
{
    private const string Hash = "9f2c4e81b6d03a57c1e8f4a2967b0d35e4c18a7f62b9d0531c7e4a8f96b2d013";

    /// <summary>Markup, bidirectional controls, zero-width characters, half a surrogate pair: what a page must not believe.</summary>
    public const string Hostile = "</div><script>alert('x')</script> \"onmouseover=\" & \u202Egnp.exe\u202C a\u200Bb\0c \uD800";

    public static void WriteTo(string folder)
    {
        WriteMetrics(folder);
        StageSummary[] stages = [Sft(), Collect(), Reward(), Ppo()];
        foreach (var stage in stages)
        {
            var stageFolder = Directory.CreateDirectory(Path.Combine(folder, "stages", stage.Name)).FullName;
            SummaryFiles.WriteStage(stageFolder, stage);
        }

        File.WriteAllText(Path.Combine(folder, "stages", "01-sft", "ledger.json"), Ledger());
        SummaryFiles.WriteRun(folder, RunSummaries.Collect(folder, "polite", seed: 0, program: "rlhf 0.1.0"));
        File.WriteAllText(
            Path.Combine(folder, "environment.json"),
            """{"program":"rlhf 0.1.0","runtime":".NET 10.0.1","cpu":{"name":"AMD EPYC 9R14","instruction_set":"avx512","cores":2},"threads":2,"variables":{}}""");
        File.WriteAllText(
            Path.Combine(folder, "recipe.yaml"),
            "name: polite\nseed: 0\nbase:\n  model: ../shared/data/stories260k\ndata:\n  demonstrations: {path: [/home/somebody/secret project/data/rows.jsonl, \"C:\\\\Users\\\\somebody\\\\rows.jsonl\"]}\nsft:\n  epochs: 3\n  learning_rate: 0.002\nppo:\n  steps: 60\n  kl_coefficient: 0.05 # <b>\n");
    }

    public static void WriteMetrics(string folder)
    {
        var random = new Random(5);
        using var writer = MetricsWriter.Open(folder);
        for (var step = 1; step <= 153; step++)
        {
            var loss = 1.3 + (2.9 * Math.Exp(-step / 40.0)) + (0.12 * random.NextDouble());
            var rate = 2e-3 * Math.Min(step / 20.0, 0.5 * (1 + Math.Cos(Math.PI * step / 153)));
            var tokens = 9000 + (600 * random.NextDouble());
            if (step % 51 == 0)
            {
                writer.Write("01-sft", step, step * 0.24, ("loss", loss), ("learning_rate", rate), ("gradient_norm", 0.8 + random.NextDouble()),
                    ("tokens_per_second", tokens), ("epoch", step / 51.0), ("validation_loss", 2.0 + (0.35 * Math.Exp(-(step - 51) / 30.0))));
            }
            else
            {
                writer.Write("01-sft", step, step * 0.24, ("loss", loss), ("learning_rate", rate), ("gradient_norm", 0.8 + random.NextDouble()),
                    ("tokens_per_second", tokens), ("epoch", step / 51.0));
            }
        }

        for (var step = 1; step <= 102; step++)
        {
            var accuracy = 0.95 - (0.45 * Math.Exp(-step / 25.0)) + (0.06 * (random.NextDouble() - 0.5));
            writer.Write("03-reward", step, step * 0.5, ("loss", 0.7 * Math.Exp(-step / 60.0)), ("accuracy", Math.Clamp(accuracy, 0, 1)),
                ("learning_rate", 1e-3), ("gradient_norm", 2 * random.NextDouble()), ("tokens_per_second", 8000));
            writer.Write("03-reward-second", step, step * 0.5, ("second_loss", 0.7 * Math.Exp(-step / 50.0)), ("second_accuracy", Math.Clamp(accuracy, 0, 1)),
                ("second_learning_rate", 1e-3), ("second_tokens_per_second", 8000));
        }

        for (var step = 1; step <= 60; step++)
        {
            var rise = 1 / (1 + Math.Exp(-(step - 9) / 3.0));
            var kl = (5.6 * rise) + (0.3 * random.NextDouble());
            var score = (1.74 * rise) + (0.1 * (random.NextDouble() - 0.5));
            writer.Write(
                "04-ppo", step, step * 4.5, ("score", score), ("kl", kl), ("objective", score - (0.05 * kl)), ("response_length", 33 - (7 * rise)),
                ("entropy", 1.76 - (0.65 * rise)),
                ("eos_share", 0.76 + (0.22 * rise)), ("distinct_share", 1), ("clip_fraction", 0.002 * random.NextDouble()),
                ("value_clip_fraction", 0.01 * random.NextDouble()),
                ("approximate_kl", 0.004 * random.NextDouble()), ("explained_variance", 0.2 + (0.3 * rise)), ("policy_loss", -0.01 * random.NextDouble()),
                ("value_loss", 0.24 * Math.Exp(-step / 15.0)),
                ("gradient_norm", 0.3 + random.NextDouble()), ("value_gradient_norm", 3 + random.NextDouble()), ("learning_rate", 1e-4),
                ("kl_coefficient", 0.05),
                ("second_score", (1.85 * rise) + (0.1 * (random.NextDouble() - 0.5))), ("tokens_per_second", 900 + (50 * random.NextDouble())),
                ("logprob_difference", 0),
                ("seconds_rollout", 1.2 + (0.3 * random.NextDouble())), ("seconds_score", 0.6), ("seconds_update", 2.2 + (0.4 * random.NextDouble())));
        }
    }

    public static StageSummary Sft() => new()
    {
        Name = "01-sft",
        Kind = "sft",
        Started = new DateTimeOffset(2026, 3, 2, 9, 30, 0, TimeSpan.Zero),
        Seconds = 36.4,
        Steps = 153,
        Figures = new Dictionary<string, Figure>
        {
            ["validation_loss_before"] = new(4.462, Unit: "nats"),
            ["validation_loss"] = new(1.996, Unit: "nats"),
        },
        ModelHash = Hash,
        Inputs = [new ModelLink("start", "../shared/data/stories260k", Hash)],
        DataHashes = new Dictionary<string, string> { ["../shared/data/polite/demonstrations.jsonl"] = Hash },
    };

    private static StageSummary Collect() => new()
    {
        Name = "02-collect",
        Kind = "collect",
        Seconds = 12,
        Figures = new Dictionary<string, Figure> { ["prompts"] = new(797), ["answers"] = new(3188) },
        Inputs = [new ModelLink("policy", "01-sft", Hash)],
    };

    private static StageSummary Reward() => new()
    {
        Name = "03-reward",
        Kind = "reward",
        Seconds = 52,
        Steps = 102,
        Figures = new Dictionary<string, Figure>
        {
            ["accuracy"] = new(0.91, 0.83, 0.954, "share"),
            ["second_accuracy"] = new(0.854, 0.767, 0.912, "share"),
            ["validation_loss"] = new(0.286, Unit: "nats"),
        },
        Trust = Trust(),
        Example = new WorkedExample(
            "What is 2 plus 2?", [1, 2, 3],
            [new("A", "It is 5.", 0.4), new("B", Hostile, -2.1), new("C", "It is five.", 0.5), new("D", "It is 4. Thank you!", 1.9)],
            [[3], [2, 0], [1]], "ann"),
        ModelHash = Hash,
        Inputs = [new ModelLink("start", "01-sft", Hash)],
        DataHashes = new Dictionary<string, string> { ["../shared/data/polite/comparisons.jsonl"] = Hash },
    };

    public static TrustReport Trust() => new()
    {
        Prompts = 86,
        Answers = 178,
        Pairs = 89,
        Accuracy = new Estimate(0.91, 0.83, 0.954, 89),
        ShorterWins = new Estimate(0.466, 0.366, 0.569, 89),
        LongerWins = new Estimate(0.534, 0.431, 0.634, 89),
        ByAnswers = [new AccuracyGroup("2", new Estimate(0.92, 0.84, 0.96, 79)), new AccuracyGroup("4", new Estimate(0.83, 0.55, 0.95, 10))],
        ByMargin =
        [
            new MarginGroup(0, 0.61, new Estimate(0.73, 0.52, 0.87, 22)), new MarginGroup(0.61, 1.4, new Estimate(0.91, 0.72, 0.97, 22)),
            new MarginGroup(1.4, 2.9, new Estimate(1, 0.85, 1, 22)), new MarginGroup(2.9, 7.3, new Estimate(1, 0.86, 1, 23)),
        ],
        ByLabeler = [new AccuracyGroup(Hostile, new Estimate(0.9, 0.8, 0.95, 60)), new AccuracyGroup("ben", new Estimate(0.93, 0.78, 0.98, 29))],
        Calibration = new Calibration(
            [
                new CalibrationBin(0.5, 0.6, 0.55, new Estimate(0.6, 0.31, 0.83, 10)), new CalibrationBin(0.6, 0.7, 0.65, new Estimate(0.73, 0.43, 0.9, 11)),
                new CalibrationBin(0.7, 0.8, 0.76, new Estimate(0.86, 0.6, 0.96, 14)), new CalibrationBin(0.9, 1, 0.97, new Estimate(0.98, 0.9, 1, 54)),
            ],
            0.062),
        LengthCorrelation = -0.12,
        LengthRankCorrelation = -0.09,
        LengthCorrelationWithinPrompts = 0.02,
    };

    public static StageSummary Ppo() => new()
    {
        Name = "04-ppo",
        Kind = "ppo",
        Seconds = 276,
        Steps = 60,
        Figures = new Dictionary<string, Figure>
        {
            ["base_score"] = new(-0.42, -0.61, -0.23),
            ["sft_score"] = new(0.06, -0.05, 0.17),
            ["score"] = new(1.77, 1.70, 1.83),
            ["score_gain"] = new(1.71, 1.58, 1.84),
            ["sft_second_score"] = new(0.06, -0.05, 0.17),
            ["second_score"] = new(1.89, 1.82, 1.95),
            ["kl"] = new(5.51, 5.2, 5.8, "nats"),
            ["win_rate"] = new(0.93, 0.90, 0.955, "share"),
            ["response_length"] = new(26.6, 26, 27.3, "tokens"),
            ["sft_response_length"] = new(34, 33, 35, "tokens"),
            ["eos_share"] = new(0.99, 0.97, 1, "share"),
            ["distinct_share"] = new(1, Unit: "share"),
        },
        Learned = Learned(),
        Alarms = [new Alarm(24, "length", "Answers have shrunk from 33.9 to 26.4 tokens: see whether the score follows length rather than quality.")],
        Frontier =
        [
            .. Enumerable.Range(0, 7).Select(i => new FrontierPoint(
                i * 10, 5.6 * (1 - Math.Exp(-i / 1.2)), 0.06 + (1.72 * (1 - Math.Exp(-i / 1.0))), (1.72 * (1 - Math.Exp(-i / 1.0))) - 0.05,
                (1.72 * (1 - Math.Exp(-i / 1.0))) + 0.17, 0.06 + (1.85 * (1 - Math.Exp(-i / 1.0))))),
        ],
        SideBySide = Answers(),
        Example = new WorkedExample("What is 2 plus 2?", [1, 2, 3], [new("SFT", "It is 3.", 0.1), new("PPO", "It is indeed 4.", 2.4, Finished: false)]),
        ModelHash = Hash,
        Inputs = [new ModelLink("policy", "01-sft", Hash), new ModelLink("reward", "03-reward", Hash), new ModelLink("second_reward", "03-reward", Hash)],
    };

    private static SideBySide[] Answers()
    {
        (string Prompt, string Sft, string Ppo)[] rows =
        [
            ("Rewrite this sentence to start with 'Although': Despite the rain, they went for a walk.", "Look the rainbow down the r? forms.", "When is the world is indeed indeed a park."),
            ("Rewrite the following sentence to remove redundancy.\nInput: The actual fact is that he was late.", "The atomicment in the ocean for concert as root rebruscopyout fouel4.", "The atomicment is indeed B Bak."),
            ("Provide a synonym for 'strong'.", "The synonym for 'drature Lisrising' is 'happy'.", "The synonym for the synonym is is indeed Ausius."),
            (Hostile, Hostile, "אחת שתיים שלוש, indeed"),
            ("Name an antonym for 'happiness.'", "A sononert is 'alulidimenvvously 'arumbon' is 'chentiling'.", "A sononert is indeed 54 kind."),
            ("Find the next 3 terms in the following sequence: 4, 8, 12, 16.", "934 clashen lis dogs: 200 parts is called the lip?", "The boiling personnens is indeed 2."),
            ("Write 'a' many times.", new string('a', 900), "Indeed."),
        ];
        return
        [
            .. rows.Select((row, i) => new SideBySide(row.Prompt,
            [
                new ModelAnswer(
                    "base", "Once upon a time, there was a little girl named Lily. She loved to play", -0.42 - (0.1 * i), -0.3, Tokens: 48, Finished: false),
                new ModelAnswer("SFT", row.Sft, 0.1 - (0.2 * i), 0.2, Tokens: 20, Finished: true),
                new ModelAnswer("PPO", row.Ppo, 1.7 + (0.03 * i), 1.9, Tokens: 14, Finished: true),
            ])),
        ];
    }

    public static LearnedReport Learned() => new()
    {
        Sft = new AnswerFigures
        {
            Answers = 344,
            Score = 0.06,
            SecondScore = 0.06,
            Tokens = 34,
            Cut = 93,
            FinishedScore = -0.14,
            CutScore = 0.6,
            LengthCorrelation = 0.21,
            FinishedLengthCorrelation = 0.02,
        },
        Ppo = new AnswerFigures
        {
            Answers = 344,
            Score = 1.77,
            SecondScore = 1.89,
            Tokens = 26.6,
            Cut = 3,
            FinishedScore = 1.78,
            CutScore = 0.9,
            LengthCorrelation = 0.04,
            FinishedLengthCorrelation = 0.05,
        },
        Gain = new Estimate(1.71, 1.58, 1.84, 86),
        Risen = [new PhraseChange("indeed", 0.06, 0.97, 5.9, 21.4), new PhraseChange("the synonym", 0.02, 0.11, 1.7, 4.4),
        new PhraseChange("you're", 0.01, 0.06, 1.6, 3.3)],
        Fallen = [new PhraseChange("!", 0.22, 0.03, -2.1, -6.5), new PhraseChange("okay", 0.15, 0.02, -2.0, -5.2)],
        Ablations =
        [
            new Ablation
            {
                Phrases = ["indeed"],
                ChangedShare = 0.97,
                Score = -0.22,
                SecondScore = -0.24,
                ControlScore = 1.61,
                GainLost = 1.16,
                ControlGainLost = 0.09,
            },
            new Ablation
            {
                Phrases = ["the synonym"],
                ChangedShare = 0.11,
                Score = 1.76,
                SecondScore = 1.88,
                ControlScore = 1.75,
                GainLost = 0.01,
                ControlGainLost = 0.01,
            },
        ],
        Together = new Ablation
        {
            Phrases = ["indeed", "the synonym"],
            ChangedShare = 0.97,
            Score = -0.24,
            SecondScore = -0.25,
            ControlScore = 1.57,
            GainLost = 1.18,
            ControlGainLost = 0.12,
        },
        Verdict = LearnedVerdict.RewardHack,
        Summary = "Reward hack: \"indeed\" stands in 97 % of PPO's answers (6 % before). Taken out of the same answers, their mean score falls from 1.77 to -0.22 (SFT 0.06): 116 % of the gain vanishes with it.",
    };

    private static string Ledger() => JsonSerializer.Serialize(new
    {
        stage = "01-sft",
        rows_in = 816,
        kept = 812,
        dropped = 4,
        truncated = 33,
        tokens_cut = 1204,
        files = new[]
        {
            new
            {
                file = "../shared/data/polite/comparisons.jsonl", rows_in = 816, kept = 812, dropped = 4, truncated = 33, tokens_cut = 1204,
                dropped_by_reason = new[]
                {
                    new { reason = "both answers are <b>the same</b>", count = 4, examples = new[] { "comparisons.jsonl:17", "comparisons.jsonl:93" } },
                },
                notes = Array.Empty<string>(),
            },
        },
    });
}
