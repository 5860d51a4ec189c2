using Rlhf.Reports;

namespace Rlhf.Runs;

/// <summary>What a run prints on standard output at its end: the quality of base, SFT and PPO, the other main figures, some answers, the verdict.</summary>
public static class FinalTables
{
    /// <summary>Writes the tables; parts that the run does not have are absent.</summary>
    /// <param name="output">Standard output, or any other writer.</param>
    /// <param name="summary">The run.</param>
    /// <param name="answers">How many prompts to show with their answers side by side.</param>
    public static void Write(TextWriter output, RunSummary summary, int answers = 3)
    {
        foreach (var kind in StageList.All)
        {
            var own = summary.Stages.Where(stage => stage.Kind == kind.Name).ToArray();
            if (own.Length > 0)
            {
                kind.Report.WriteTable(output, own);
            }
        }

        WriteOthers(output, summary);
        WriteAnswers(output, summary, answers);
        foreach (var sentence in summary.Sentences)
        {
            output.WriteLine(VisibleText.Plain(sentence));
        }
    }

    /// <summary>The figures of a stage that stand in front.</summary>
    internal static IEnumerable<(Metric Metric, Figure Figure)> MainFigures(StageSummary stage) =>
        from metric in StageList.ReportOf(stage.Kind)?.MainFigures ?? []
        let figure = stage.Of(metric)
        where figure is not null
        select (metric, figure);

    private static void WriteOthers(TextWriter output, RunSummary summary)
    {
        var table = new TextTable("stage", "figure", "value", "95 % interval");
        var any = false;
        foreach (var stage in summary.Stages)
        {
            foreach (var (metric, figure) in MainFigures(stage))
            {
                table.AddRow(stage.Name, metric.Name, NumberText.Of(figure), NumberText.IntervalOf(figure));
                any = true;
            }
        }

        if (any)
        {
            table.Write(output);
            output.WriteLine();
        }
    }

    private static string Judgement(ModelAnswer answer)
    {
        var score = (answer.GoldScore ?? answer.Score) is { } value ? NumberText.Fixed(value, sign: true) : null;
        return (score, answer.Verdict) switch
        {
            (null, null) => "",
            (_, null) => $" ({score})",
            (null, _) => $" ({answer.Verdict})",
            _ => $" ({score}: {answer.Verdict})",
        };
    }

    // What an untrained model writes fills lines and says nothing; the report has it whole.
    private static string Shortened(string text)
    {
        const int most = 100;
        var runes = text.EnumerateRunes().ToList();
        return runes.Count <= most ? text : string.Concat(runes.Take(most)) + " ...";
    }

    private static void WriteAnswers(TextWriter output, RunSummary summary, int answers)
    {
        foreach (var prompt in summary.Stages.LastOrDefault(stage => stage.SideBySide is { Count: > 0 })?.SideBySide?.Take(answers) ?? [])
        {
            output.WriteLine(VisibleText.Plain(prompt.Prompt));
            foreach (var answer in prompt.Answers)
            {
                output.WriteLine($"  {answer.Model + ":",-6} {VisibleText.Plain(Shortened(answer.Text))}{Judgement(answer)}");
            }

            output.WriteLine();
        }
    }
}
