using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Labelers.Store;

/// <summary>What people wrote, or said of one answer, as rows that the data readers take: demonstrations, prompts, answers marked good or bad.</summary>
internal static class WrittenExport
{
    // What makes a prompt of a row, and where its answers are from. Other fields may speak of answers that are not in the row.
    private static readonly string[] Kept =
    [
        "id", "prompt", "instruction", "input", "context", "system", "history", "tools", "messages", "conversations", "split_group", "model", "model_hash",
        "sampling", "from", "written_by",
    ];

    private static readonly string[] Conversations = ["messages", "conversations"];

    // Fields of a prompt that are in its turns, where a row has them.
    private static readonly string[] Asked = ["prompt", "instruction", "input", "context", "system", "history", .. Conversations];

    /// <summary>Reviews of one demonstration: who accepts it, who mended it, and whether it goes out.</summary>
    private sealed record Review(StoredTask Task, IReadOnlyList<StoredRanking> Accepted, IReadOnlyList<StoredRanking> Edited, bool IsUsed);

    /// <summary>
    /// The demonstrations: what was written or mended, and what reviewers accepted or mended. A demonstration that was reviewed in the store goes out where
    /// more of them accept or mend it than reject it, with each mended form as a demonstration of its own.
    /// </summary>
    public static IEnumerable<JsonObject> Demonstrations(RankingStore store, ExportOptions options, IReadOnlyCollection<long>? tasks = null)
    {
        var said = store.Rankings().ToLookup(ranking => ranking.Task);
        var reviews = store.Tasks(kind: TaskKind.Review).Select(task => ReviewOf(task, said[task.Id])).OfType<Review>()
            .ToLookup(review => KeyOf(review.Task, review.Task.Answers.Responses[0]));
        var written = new HashSet<(string, string)>();
        foreach (var task in OfKinds(store, null, TaskKind.Write, TaskKind.RankCorrect))
        {
            foreach (var one in Deciding(said[task.Id], ranking => ranking.Judgement.Written is not null))
            {
                written.Add(KeyOf(task, one.Judgement.Written!));
                foreach (var row in IsWanted(task, options, tasks) ? Reviewed(task, one, reviews[KeyOf(task, one.Judgement.Written!)]) : [])
                {
                    yield return row;
                }
            }
        }

        // Demonstrations from elsewhere, which came as reviews alone.
        foreach (var review in reviews.Where(group => !written.Contains(group.Key)).SelectMany(group => group))
        {
            foreach (var row in IsWanted(review.Task, options, tasks) && review.IsUsed ? RowsOf(review) : [])
            {
                yield return row;
            }
        }
    }

    /// <summary>The prompts that people wrote.</summary>
    public static IEnumerable<JsonObject> Prompts(RankingStore store, ExportOptions options)
    {
        var said = store.Rankings().ToLookup(ranking => ranking.Task);
        return store.Tasks(options.Round, TaskKind.Prompt).SelectMany(task => Deciding(said[task.Id], ranking => ranking.Judgement.Written is not null)
            .Select(one =>
            {
                var id = $"{task.Answers.Source["id"]}/{task.Answers.Source["copy"] ?? task.Id}/{one.Labeler}";
                var row = new JsonObject { ["id"] = id, ["prompt"] = one.Judgement.Written, ["use_case"] = one.Judgement.UseCase };
                return With(row, task, one);
            }));
    }

    /// <summary>Answers that somebody accepted or rejected, in the form of KTO: <c>prompt</c>, <c>completion</c>, <c>label</c>. An edit says neither.</summary>
    public static IEnumerable<JsonObject> Labeled(RankingStore store, ExportOptions options)
    {
        var said = store.Rankings().ToLookup(ranking => ranking.Task);
        return store.Tasks(options.Round, TaskKind.Review).SelectMany(task => Deciding(said[task.Id], ranking => ranking.Judgement.Verdict is not null)
            .Where(one => one.Judgement.Verdict != "edit")
            .Select(one =>
            {
                var row = PromptOf(task);
                if (Conversations.Any(row.ContainsKey))
                {
                    Array.ForEach(Asked, name => row.Remove(name));
                    row["prompt"] = TurnsOf(task);
                }

                row["completion"] = task.Answers.Responses[0];
                row["label"] = one.Judgement.Verdict == "accept";
                return With(row, task, one);
            }));
    }

    /// <summary>A ranking whose best answer was mended, as a row of K + 1 answers: the mended one is better than the one it was made from.</summary>
    public static JsonObject Comparison(StoredTask task, StoredRanking ranking)
    {
        var judgement = ranking.Judgement;
        var row = PromptOf(task);
        IReadOnlyList<string> answers = task.Answers.Responses;
        IReadOnlyList<IReadOnlyList<int>> tiers = judgement.Tiers!;
        // Left as it was, the best answer is no better than itself.
        if (judgement.Written!.Trim() != answers[judgement.Corrected!.Value].Trim())
        {
            var known = answers.Index().Where(answer => answer.Item.Trim() == judgement.Written.Trim()).Select(answer => answer.Index).Take(1).ToArray();
            int[] mended = known is [var same] ? [same] : [answers.Count];
            answers = known.Length > 0 ? answers : [.. answers, judgement.Written];
            tiers = [mended, .. tiers.Select(IReadOnlyList<int> (tier) => [.. tier.Except(mended)]).Where(tier => tier.Count > 0)];
        }

        row["responses"] = JsonSerializer.SerializeToNode(answers);
        row["ranking"] = JsonSerializer.SerializeToNode(tiers);
        row["notation"] = RankingNotation.Of(tiers);
        row["corrected"] = judgement.Corrected;
        return With(row, task, ranking);
    }

    /// <summary>What counts of what was said about a task: the owner's word where there is one, else everybody's.</summary>
    public static IEnumerable<StoredRanking> Deciding(IEnumerable<StoredRanking> rankings, Func<StoredRanking, bool> isUsable)
    {
        var usable = rankings.Where(isUsable).ToList();
        return usable.Where(ranking => ranking.Adjudication || !usable.Any(other => other.Adjudication));
    }

    private static IEnumerable<StoredTask> OfKinds(RankingStore store, string? round, params TaskKind[] kinds) =>
        kinds.SelectMany(kind => store.Tasks(round, kind));

    private static bool IsWanted(StoredTask task, ExportOptions options, IReadOnlyCollection<long>? tasks) =>
        (options.Round is null || task.Answers.Round == options.Round) && (tasks?.Contains(task.Id) ?? true);

    private static (string, string) KeyOf(StoredTask task, string text) => (task.Answers.PromptText, text.Trim());

    private static Review? ReviewOf(StoredTask task, IEnumerable<StoredRanking> rankings)
    {
        var said = Deciding(rankings, ranking => ranking.Judgement.Verdict is not null).ToList();
        var (accepted, edited) = (said.Where(one => one.Judgement.Verdict == "accept").ToList(), said.Where(one => one.Judgement.Verdict == "edit").ToList());
        return said.Count == 0 ? null : new Review(task, accepted, edited, 2 * (accepted.Count + edited.Count) > said.Count);
    }

    private static IEnumerable<JsonObject> Reviewed(StoredTask task, StoredRanking one, IEnumerable<Review> reviews)
    {
        var all = reviews.ToList();
        var row = PromptOf(task);
        row["response"] = one.Judgement.Written;
        RankingRows.Set(row, "draft", one.Judgement.Corrected is { } corrected ? task.Answers.Responses[corrected] : task.Answers.Draft);
        With(row, task, one);
        if (all.Count == 0)
        {
            return [row];
        }

        var used = all.Where(review => review.IsUsed).ToList();
        string[] by = [.. used.SelectMany(review => review.Accepted).Select(review => review.Labeler).Distinct(StringComparer.Ordinal)];
        RankingRows.Set(row, "review", by.Length > 0 ? "accepted" : null);
        RankingRows.Set(row, "reviewed_by", by.Length > 0 ? by : null);
        return [.. by.Length > 0 ? [row] : Array.Empty<JsonObject>(), .. used.SelectMany(review => Edits(review, one.Labeler))];
    }

    private static IEnumerable<JsonObject> RowsOf(Review review)
    {
        if (review.Accepted.Count > 0)
        {
            var row = PromptOf(review.Task);
            row["response"] = review.Task.Answers.Responses[0];
            With(row, review.Task, review.Accepted[0]);
            row["labeler"] = review.Task.Answers.Author ?? review.Accepted[0].Labeler;
            row["review"] = "accepted";
            row["reviewed_by"] = JsonSerializer.SerializeToNode(review.Accepted.Select(one => one.Labeler));
            yield return row;
        }

        foreach (var row in Edits(review, review.Task.Answers.Author))
        {
            yield return row;
        }
    }

    private static IEnumerable<JsonObject> Edits(Review review, string? author) =>
        review.Edited.DistinctBy(edit => edit.Judgement.Written!.Trim()).Select(edit =>
        {
            var row = PromptOf(review.Task);
            row["response"] = edit.Judgement.Written;
            row["draft"] = review.Task.Answers.Responses[0];
            RankingRows.Set(row, "author", author);
            row["review"] = "edited";
            return With(row, review.Task, edit);
        });

    /// <summary>Who did it, and how long it took.</summary>
    private static JsonObject With(JsonObject row, StoredTask task, StoredRanking one)
    {
        row["task"] = task.Answers.Kind.NameOf(); // Not kind: imported to be reviewed, the row is another task.
        row["labeler"] = one.Labeler;
        row["seconds"] = one.Seconds;
        row["edits"] = one.Edits;
        row["round"] = task.Answers.Round;
        RankingRows.Set(row, "prompt_flags", one.Judgement.PromptFlags.Count > 0 ? one.Judgement.PromptFlags : null);
        RankingRows.Set(row, "reason", one.Judgement.Reason);
        RankingRows.Set(row, "comment", one.Judgement.Comment);
        row["created_at"] = one.CreatedAt;
        row["updated_at"] = one.UpdatedAt;
        return row;
    }

    private static JsonObject PromptOf(StoredTask task)
    {
        var source = task.Answers.Source;
        var conversation = task.Answers.Kind == TaskKind.Write && Conversations.Any(source.ContainsKey);
        var row = new JsonObject();
        foreach (var name in Kept.Where(name => source[name] is not null && !(conversation && name is "prompt" or "instruction")))
        {
            row[name] = source[name]!.DeepClone();
        }

        if (!row.ContainsKey("prompt") && !row.ContainsKey("instruction") && !Conversations.Any(row.ContainsKey))
        {
            row["prompt"] = TurnsOf(task);
        }

        return row;
    }

    private static JsonArray TurnsOf(StoredTask task) =>
        new([.. task.Answers.Messages.Select(turn => new JsonObject { ["role"] = turn.Role, ["content"] = turn.Content })]);
}
