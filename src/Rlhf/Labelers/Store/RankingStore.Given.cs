namespace Rlhf.Labelers.Store;

/// <summary>What people say of answers that nobody gave them as a task: they met them in a chat.</summary>
public sealed partial class RankingStore
{
    /// <summary>Stores answers and what somebody says of them, in one step. Who says something else of the same answers later replaces it; what was said before
    /// stays in the history.</summary>
    /// <param name="answers">The prompt and the answers, in the order in which they were shown.</param>
    /// <param name="judgement">What is said.</param>
    /// <param name="labeler">Who says it.</param>
    /// <param name="seconds">How long it took.</param>
    /// <returns>The task.</returns>
    /// <exception cref="InputException">It is not a judgement of such answers, or a name cannot be used.</exception>
    public long Give(AnswerSet answers, Judgement judgement, string labeler, double seconds) => Write(connection =>
    {
        var row = new ImportRow(answers, judgement, labeler, [.. Enumerable.Range(0, answers.Responses.Count)], seconds, 0, null, null, Adjudication: false);
        CheckNames(row);
        var (task, _) = AddTask(connection, answers);
        if (!AddImported(connection, task, row, judgement))
        {
            var user = UserNamed(connection, labeler, UserRole.Labeler);
            Edit(connection, user, new Submission(task, $"{user.Id}/given/{Guid.NewGuid():N}", judgement, seconds, Edit: true), isAsked: false);
        }

        return task;
    });
}
