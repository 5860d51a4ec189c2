using System.Data.Common;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Labelers.Store;

/// <summary>Reviews that are asked for by themselves: of each demonstration that somebody writes or mends, where the settings say so.</summary>
public sealed partial class RankingStore
{
    private const string ReviewRound = "/review";

    /// <summary>
    /// Makes a task to review what was written, and takes back the one of an earlier form of it that nobody has reviewed. Reviews have a round of their own:
    /// a run that waits for demonstrations does not wait for them.
    /// </summary>
    private void AskForReview(DbConnection connection, LabelUser author, long task, Judgement? before, Judgement after)
    {
        if ((before?.Written is null && after.Written is null) || before?.Written == after.Written)
        {
            return;
        }

        var content = ContentOf(connection, task);
        if (content.Kind is not (TaskKind.Write or TaskKind.RankCorrect))
        {
            return;
        }

        if (before?.Written is { } replaced)
        {
            TakeBack(connection, ReviewOf(content, author, replaced));
        }

        if (after.Written is { } written && SettingsOf(connection).Reviews)
        {
            Ask(connection, AddTask(connection, ReviewOf(content, author, written)).Task);
        }
    }

    private static AnswerSet ReviewOf(AnswerSet written, LabelUser author, string text)
    {
        var named = written.Round + ReviewRound;
        var source = (JsonObject)written.Source.DeepClone();
        source.Remove("responses");
        return written with
        {
            Round = named.Length <= ShownName.LongestOfRound ? named : written.Round,
            Responses = [text],
            Source = source,
            Kind = TaskKind.Review,
            Draft = null,
            Models = null,
            Known = null,
            Author = author.Name,
        };
    }

    /// <summary>Nobody is asked any more, unless somebody has answered.</summary>
    private static void TakeBack(DbConnection connection, AnswerSet review)
    {
        const string found =
            """
            content_key = @key AND round_id = (SELECT id FROM rounds WHERE name = @round) AND asked = 1 AND done = 0 AND author = @author
            AND NOT EXISTS (SELECT 1 FROM rankings r WHERE r.task_id = tasks.id)
            """;
        foreach (var task in connection.Query($"SELECT id FROM tasks WHERE {found}", reader => reader.GetInt64(0), ("key", ContentKeyOf(review)),
            ("round", review.Round), ("author", review.Author)))
        {
            connection.Execute("UPDATE progress SET tasks = tasks - 1 WHERE (round_id, done) IN (SELECT round_id, done FROM tasks WHERE id = @task)", ("task", task));
            connection.Execute("UPDATE tasks SET asked = 0 WHERE id = @task", ("task", task));
            connection.Execute("DELETE FROM leases WHERE task_id = @task", ("task", task));
        }
    }

    /// <summary>A text that was written again after its review was taken back is asked about again.</summary>
    private static void Ask(DbConnection connection, long task)
    {
        if (connection.Execute("UPDATE tasks SET asked = 1 WHERE id = @task AND asked = 0", ("task", task)) == 1)
        {
            CountTask(connection, task);
        }
    }

    private static string ContentKeyOf(AnswerSet answers) => HashOf(JsonSerializer.Serialize(ContentOf(answers), Json));
}
