namespace Rlhf.Reports;

/// <summary>What a run prints on standard output at its end: the quality of base, SFT and PPO, the other main figures, some answers, the verdict.</summary>
public static class FinalTables
{
    /// <summary>The figures in front, in order.</summary>
    internal static IReadOnlyList<string> MainFigures { get; } =
    [
        FigureNames.ValidationLoss, FigureNames.Accuracy, FigureNames.SecondAccuracy, FigureNames.ScoreGain, FigureNames.WinRate, FigureNames.Kl,
        FigureNames.ResponseLength, FigureNames.EosShare, FigureNames.DistinctShare,
    ];

    /// <summary>Below the quality of several rounds.</summary>
    internal const string AcrossRounds = "The reward model's scores of different rounds do not compare: each round has its own model. Those of base and SFT are round 1's.";

    /// <summary>Writes the tables; parts that the run does not have are absent.</summary>
    /// <param name="output">Standard output, or any other writer.</param>
    /// <param name="summary">The run.</param>
    /// <param name="answers">How many prompts to show with their answers side by side.</param>
    public static void Write(TextWriter output, RunSummary summary, int answers = 3)
    {
        WriteQuality(output, summary);
        WriteOthers(output, summary);
        WriteAnswers(output, summary, answers);
        foreach (var sentence in summary.Sentences)
        {
            output.WriteLine(VisibleText.Plain(sentence));
        }
    }

    private static void WriteQuality(TextWriter output, RunSummary summary)
    {
        var ppo = summary.Stages.Where(stage => stage.Kind == "ppo").ToArray();
        var gold = ppo.Any(stage => stage.Figures.ContainsKey(FigureNames.GoldScore));
        var first = ppo.FirstOrDefault()?.Figures;
        if (first is null)
        {
            return;
        }

        var table = new TextTable(gold ? ["held-out prompts", "gold quality", "95 % interval", "reward model"] : ["held-out prompts", "score", "95 % interval"]);
        AddQuality(table, "base", gold, first, FigureNames.BaseGoldScore, FigureNames.BaseScore);
        AddQuality(table, "SFT", gold, first, FigureNames.SftGoldScore, FigureNames.SftScore);
        foreach (var stage in ppo)
        {
            AddQuality(table, ppo.Length > 1 ? $"PPO round {stage.Round}" : "PPO", gold, stage.Figures, FigureNames.GoldScore, FigureNames.Score);
        }

        table.Write(output);
        if (ppo.Length > 1)
        {
            output.WriteLine(AcrossRounds);
        }

        output.WriteLine();
    }

    private static void AddQuality(TextTable table, string name, bool gold, IReadOnlyDictionary<string, Figure> figures, string goldName, string scoreName)
    {
        var score = figures.GetValueOrDefault(scoreName);
        var main = gold ? figures.GetValueOrDefault(goldName) : score;
        if (main is null)
        {
            return;
        }

        string[] cells = [name, NumberText.Fixed(main.Value, sign: true), NumberText.IntervalOf(main)];
        table.AddRow(gold ? [.. cells, score is null ? "" : NumberText.Fixed(score.Value, sign: true)] : cells);
    }

    private static void WriteOthers(TextWriter output, RunSummary summary)
    {
        var table = new TextTable("stage", "figure", "value", "95 % interval");
        var any = false;
        foreach (var stage in summary.Stages)
        {
            foreach (var name in MainFigures.Where(stage.Figures.ContainsKey))
            {
                var figure = stage.Figures[name];
                table.AddRow(stage.Name, Glossary.NameOf(name), NumberText.Of(figure), NumberText.IntervalOf(figure));
                any = true;
            }
        }

        if (any)
        {
            table.Write(output);
            output.WriteLine();
        }
    }

    private static void WriteAnswers(TextWriter output, RunSummary summary, int answers)
    {
        foreach (var prompt in summary.Stages.LastOrDefault(stage => stage.SideBySide is { Count: > 0 })?.SideBySide?.Take(answers) ?? [])
        {
            output.WriteLine(VisibleText.Plain(prompt.Prompt));
            foreach (var answer in prompt.Answers)
            {
                var score = (answer.GoldScore ?? answer.Score) is { } value ? $" ({NumberText.Fixed(value, sign: true)})" : "";
                output.WriteLine($"  {answer.Model + ":",-6} {VisibleText.Plain(answer.Text)}{score}");
            }

            output.WriteLine();
        }
    }
}
