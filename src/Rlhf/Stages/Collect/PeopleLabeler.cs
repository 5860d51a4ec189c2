using System.Globalization;

namespace Rlhf.Stages.Collect;

/// <summary>
/// People rank the answers of a collect stage in the browser. The answers lie in a store; the stage waits, or stops, until enough rankings are in. What is there then is
/// frozen in <c>rankings.jsonl</c>, so that a repeated stage reads the same, whatever people change later.
/// </summary>
internal static class PeopleLabeler
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    public static void Rank(StageContext context, IReadOnlyList<CollectedAnswers> answers, AnswerOrigin origin, string rankingsFile)
    {
        if (File.Exists(rankingsFile))
        {
            return;
        }

        var options = context.Recipe.Collect!;
        var post = context.PostAnswers ?? throw new InvalidOperationException("Nobody said how answers get to people.");
        var store = options.Store ?? Path.Combine(context.Run.FullPath, "rankings.db");
        var answersFile = Path.Combine(context.Folder, "answers.jsonl");
        RankingFile.Write(answersFile, answers, origin);
        // A store may serve several runs; people rank a prompt once in a round.
        var posted = post(store, answersFile, $"{Path.GetFileName(context.Run.FullPath)}/{context.Step.Round.ToString(CultureInfo.InvariantCulture)}", options.RankingsPerPrompt);
        var progress = posted.Progress();
        var needed = Needed(options.Enough, progress.Wanted);
        if (progress.Done < needed && !options.Wait)
        {
            throw new RunPausedException(string.Create(CultureInfo.InvariantCulture,
                $"{context.Step.Name}: {progress.Done} of {needed} rankings are in; people rank on the page of:{Environment.NewLine}  {LabelCommand(store)}"));
        }

        Wait(context, posted, progress, needed, store);
        DurableFiles.WriteAtomically(rankingsFile, stream =>
        {
            using var writer = new StreamWriter(stream, leaveOpen: true);
            if (posted.WriteRankings(writer) == 0)
            {
                throw new RunFailedException($"{context.Step.Name}: of all judgements in {store} none is a ranking (cannot judge); look at the owner's page: {LabelCommand(store)}");
            }
        });
    }

    private static long Needed(double enough, long wanted) => Math.Min(wanted, (long)(enough <= 1 ? Math.Ceiling(enough * wanted) : enough));

    private static void Wait(StageContext context, IPostedAnswers posted, RankingProgress state, long needed, string store)
    {
        if (state.Done < needed)
        {
            context.Progress.Line($"{context.Step.Name}: waits for people, who rank on the page of: {LabelCommand(store)}");
        }

        using var progress = context.Progress.Start(context.Step.Name, needed, "rankings");
        progress.Skip(state.Done);
        while (state.Done < needed)
        {
            context.Cancellation.WaitHandle.WaitOne(LookEvery);
            context.Cancellation.ThrowIfCancellationRequested();
            var before = state.Done;
            state = posted.Progress();
            if (state.Done != before || context.Progress.Terminal)
            {
                progress.Advance(state.Done - before, string.Create(CultureInfo.InvariantCulture, $"{state.Labelers} labelers"));
            }
        }
    }

    private static string LabelCommand(string store) =>
        $"rlhf label --store {(store.All(character => char.IsAsciiLetterOrDigit(character) || "/._-:@\\".Contains(character, StringComparison.Ordinal)) ? store : $"\"{store}\"")}";
}
