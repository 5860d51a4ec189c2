using Rlhf.Labelers.Store;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>
/// People rank answers in the browser. The answers lie in a store; the stage waits, or stops, until enough rankings are in. What is there then is
/// frozen in the rankings' file, so that a repeated stage reads the same, whatever people change later.
/// </summary>
internal sealed class PeopleLabeler(PeopleSettings settings) : ILabeler
{
    /// <inheritdoc/>
    public IReadOnlyDictionary<string, Figure> Rank(IReadOnlyList<CollectedAnswers> answers, RankingJob job)
    {
        if (!File.Exists(job.File))
        {
            Collect(answers, job);
        }

        return new Dictionary<string, Figure>();
    }

    /// <inheritdoc/>
    public void Dispose()
    {
    }

    private void Collect(IReadOnlyList<CollectedAnswers> answers, RankingJob job)
    {
        var answersFile = job.Beside("answers.jsonl");
        RankingFile.Write(answersFile, answers, job.Origin);
        var rows = RankingRows.Read(answersFile).Select(row => row.Answers with { Round = job.Round });
        var posted = PostedTasks.Post(settings.Store, rows, settings.PerPrompt);
        var people = new PeopleWait(settings, job.Stage, "rankings", "rank");
        people.Until(posted, job.Progress, job.Cancellation);
        DurableFiles.WriteAtomically(job.File, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            if (posted.WriteRankings(writer) == 0)
            {
                throw people.NothingUsable();
            }
        });
    }
}
