using System.Globalization;
using Rlhf.Labelers.Store;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>How people are asked.</summary>
/// <param name="Store">Where they rank: an SQLite file or a database server.</param>
/// <param name="RankingsPerPrompt">How many of them rank each prompt.</param>
/// <param name="Enough">Rankings that are enough to go on: a share of all at most 1, or a number.</param>
/// <param name="Wait">Whether to wait for them, or to end until the run is resumed.</param>
internal sealed record PeopleSettings(string Store, int RankingsPerPrompt, double Enough, bool Wait);

/// <summary>
/// People rank answers in the browser. The answers lie in a store; the stage waits, or stops, until enough rankings are in. What is there then is
/// frozen in the rankings' file, so that a repeated stage reads the same, whatever people change later.
/// </summary>
internal sealed class PeopleLabeler(PeopleSettings settings) : ILabeler
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

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
        var posted = PostedAnswers.Post(settings.Store, answersFile, job.Round, settings.RankingsPerPrompt);
        var progress = posted.Progress();
        var needed = Needed(settings.Enough, progress.Wanted);
        if (progress.Done < needed && !settings.Wait)
        {
            throw new RunPausedException(string.Create(CultureInfo.InvariantCulture,
                $"{job.Stage}: {progress.Done} of {needed} rankings are in; people rank on the page of:{Environment.NewLine}  {LabelCommand}"));
        }

        Wait(job, posted, progress, needed);
        DurableFiles.WriteAtomically(job.File, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            if (posted.WriteRankings(writer) == 0)
            {
                throw new RunFailedException(
                    $"{job.Stage}: of all judgements in {settings.Store} none is a ranking (cannot judge); look at the owner's page: {LabelCommand}");
            }
        });
    }

    private static long Needed(double enough, long wanted) => Math.Min(wanted, (long)(enough <= 1 ? Math.Ceiling(enough * wanted) : enough));

    private void Wait(RankingJob job, PostedAnswers posted, RankingProgress state, long needed)
    {
        if (state.Done < needed)
        {
            job.Progress.Line($"{job.Stage}: waits for people, who rank on the page of: {LabelCommand}");
        }

        using var progress = job.Progress.Start(job.Stage, needed, "rankings");
        progress.Skip(state.Done);
        while (state.Done < needed)
        {
            job.Cancellation.WaitHandle.WaitOne(LookEvery);
            job.Cancellation.ThrowIfCancellationRequested();
            var before = state.Done;
            state = posted.Progress();
            if (state.Done != before || job.Progress.Terminal)
            {
                progress.Advance(state.Done - before, string.Create(CultureInfo.InvariantCulture, $"{state.Labelers} labelers"));
            }
        }
    }

    private string LabelCommand =>
        $"rlhf label --store {(settings.Store.All(character => char.IsAsciiLetterOrDigit(character) || "/._-:@\\".Contains(character, StringComparison.Ordinal)) ? settings.Store : $"\"{settings.Store}\"")}";
}
