using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>Rows of every kind of task, and files of them.</summary>
internal static class TaskRow
{
    /// <summary>Rows as <c>label import</c> reads them.</summary>
    public static IReadOnlyList<ImportRow> Read(string rows, TaskKind kind = TaskKind.Rank)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            File.WriteAllText(file, rows);
            return [.. RankingRows.Read(file, kind: kind)];
        }
        finally
        {
            File.Delete(file);
        }
    }

    /// <summary>An export's rows, as text.</summary>
    public static string Export(RankingStore store, ExportedRows rows = ExportedRows.Comparisons, bool everything = false)
    {
        using var text = new StringWriter();
        RankingExport.Write(store, text, new ExportOptions { As = rows, Everything = everything });
        return text.ToString();
    }

    /// <summary>Takes the next task and hands in a judgement of it.</summary>
    public static LabelTask Do(RankingStore store, LabelUser user, Judgement judgement, double seconds = 5)
    {
        var task = store.Next(user, [])!;
        Assert.Equal(SubmissionResult.Stored, store.Submit(user, new Submission(task.Id, Guid.NewGuid().ToString(), judgement, seconds)));
        return task;
    }
}
