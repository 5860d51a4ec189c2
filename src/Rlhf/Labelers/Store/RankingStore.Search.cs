using System.Data.Common;

namespace Rlhf.Labelers.Store;

/// <summary>Which tasks an owner looks for; null asks for any.</summary>
/// <param name="Text">What stands in the prompt or in an answer, capital letters or not.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Round">The round.</param>
/// <param name="State">How far it is: <c>open</c>, <c>done</c>, <c>skipped</c>, <c>decided</c>, <c>calibration</c>.</param>
/// <param name="Labeler">Who has done or skipped it.</param>
/// <param name="After">Only tasks with a greater number: where an earlier search ended.</param>
public sealed record TaskQuery(string? Text = null, TaskKind? Kind = null, string? Round = null, string? State = null, string? Labeler = null, long After = 0)
{
    /// <summary>The words of <see cref="State"/>.</summary>
    public static IReadOnlyList<string> States { get; } = ["open", "done", "skipped", "decided", "calibration"];
}

/// <summary>A task that was found.</summary>
/// <param name="Id">The task.</param>
/// <param name="Round">Its round.</param>
/// <param name="Kind">What is to be done.</param>
/// <param name="Prompt">How its prompt begins.</param>
/// <param name="Done">Judgements that count.</param>
/// <param name="Skipped">How often it was skipped.</param>
/// <param name="Decided">Whether an owner has decided.</param>
public sealed record FoundTask(long Id, string Round, TaskKind Kind, string Prompt, long Done, long Skipped, bool Decided);

/// <summary>What a search found.</summary>
/// <param name="Tasks">The tasks, oldest first.</param>
/// <param name="Next">Where to go on, as <see cref="TaskQuery.After"/>; null where all was looked at.</param>
public sealed record FoundTasks(IReadOnlyList<FoundTask> Tasks, long? Next);

public sealed partial class RankingStore
{
    private const int FoundAtOnce = 50;
    private const int LookedAtOnce = 5000;
    private const int ReadAtOnce = 200;

    /// <summary>Looks for tasks: at most 50 of them, and at most some thousand tasks at once; the result says where to go on.</summary>
    /// <exception cref="InputException">There is no such state.</exception>
    public FoundTasks Find(TaskQuery query)
    {
        if (query.State is { } state && !TaskQuery.States.Contains(state))
        {
            throw new InputException($"state: expected one of {string.Join(", ", TaskQuery.States)}.");
        }

        return Read(connection =>
        {
            var overlap = SettingsOf(connection).Overlap;
            var found = new List<FoundTask>();
            var last = query.After;
            for (var looked = 0; looked < LookedAtOnce; looked += ReadAtOnce)
            {
                var part = PartOf(connection, query, last, overlap);
                foreach (var (task, answers) in part)
                {
                    last = task.Id;
                    if (Has(answers, query.Text))
                    {
                        found.Add(task with { Prompt = Beginning(answers.Messages[^1].Content) });
                    }

                    if (found.Count == FoundAtOnce)
                    {
                        return new FoundTasks(found, last);
                    }
                }

                if (part.Count < ReadAtOnce)
                {
                    return new FoundTasks(found, null);
                }
            }

            return new FoundTasks(found, last);
        });
    }

    private static List<(FoundTask Task, AnswerSet Answers)> PartOf(DbConnection connection, TaskQuery query, long after, int overlap) => connection.Query(
        $"""
        SELECT t.id, n.name, t.kind, t.done, c.content,
            (SELECT count(*) FROM rankings r WHERE r.task_id = t.id AND r.skipped = 1),
            (SELECT count(*) FROM rankings r WHERE r.task_id = t.id AND r.adjudication = 1)
        FROM tasks t JOIN rounds n ON n.id = t.round_id JOIN contents c ON c.task_id = t.id
        WHERE t.id > @after AND (@kind = '' OR t.kind = @kind) AND (@every = 1 OR n.name = @round) AND (@overlap > 0)
        AND (@labeler = '' OR EXISTS (SELECT 1 FROM rankings r JOIN users u ON u.id = r.user_id WHERE r.task_id = t.id AND u.name = @labeler))
        {WhereOf(query.State)} ORDER BY t.id LIMIT {ReadAtOnce}
        """,
        reader => (
            new FoundTask(reader.GetInt64(0), reader.GetString(1), KindIn(reader, 2), "", reader.GetInt64(3), reader.GetInt64(5), reader.GetInt64(6) > 0),
            reader.FromJson<AnswerSet>(4)),
        ("after", after), ("kind", query.Kind?.NameOf() ?? ""), ("every", query.Round is null ? 1 : 0), ("round", query.Round ?? ""), ("overlap", overlap),
        ("labeler", query.Labeler ?? ""));

    private static string WhereOf(string? state) => state switch
    {
        "open" => "AND t.calibration = 0 AND t.asked = 1 AND t.done < @overlap",
        "done" => "AND t.calibration = 0 AND t.done >= @overlap",
        "skipped" => "AND EXISTS (SELECT 1 FROM rankings r WHERE r.task_id = t.id AND r.skipped = 1)",
        "decided" => "AND EXISTS (SELECT 1 FROM rankings r WHERE r.task_id = t.id AND r.adjudication = 1)",
        "calibration" => "AND t.calibration = 1",
        _ => "",
    };

    private static bool Has(AnswerSet answers, string? text) => string.IsNullOrWhiteSpace(text)
        || answers.Messages.Any(turn => turn.Content.Contains(text.Trim(), StringComparison.OrdinalIgnoreCase))
        || answers.Responses.Append(answers.Draft ?? "").Any(response => response.Contains(text.Trim(), StringComparison.OrdinalIgnoreCase));

    /// <summary>How many characters there are to read in each task; tasks of stores of earlier versions are not there.</summary>
    public IReadOnlyDictionary<long, long> Characters() => Read(connection => connection.Query(
        "SELECT id, characters FROM tasks WHERE characters IS NOT NULL", reader => (Task: reader.GetInt64(0), Characters: reader.GetInt64(1)))
        .ToDictionary(task => task.Task, task => task.Characters));

    /// <summary>Differs from what it was whenever the owner's page would show something else (but for the hour): a request that costs next to
    /// nothing.</summary>
    public string Version() => Read(connection => string.Join('-', connection.Query(
        """
        SELECT (SELECT count(*) FROM revisions), (SELECT count(*) FROM tasks), (SELECT coalesce(sum(asked), 0) FROM tasks), (SELECT count(*) FROM users),
            (SELECT count(*) FROM users WHERE token_hash IS NOT NULL AND revoked_at IS NULL)
        """,
        reader => string.Join('-', Enumerable.Range(0, 5).Select(column => Convert.ToInt64(reader.GetValue(column), null))))
        .Append(HashOf(System.Text.Json.JsonSerializer.Serialize(SettingsOf(connection), Json)))));
}
