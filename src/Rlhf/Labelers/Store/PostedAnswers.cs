using System.Data.Common;

namespace Rlhf.Labelers.Store;

/// <summary>How far people are with the answers of one collect stage.</summary>
/// <param name="Done">Judgements in the store, of each prompt no more than are wanted; "cannot judge" counts.</param>
/// <param name="Wanted">Prompts times rankings for each.</param>
/// <param name="Labelers">People who have ranked at least one.</param>
public sealed record RankingProgress(long Done, long Wanted, int Labelers);

/// <summary>The answers of one collect stage in a ranking store. What else is in the store, of other runs too, does not count.</summary>
public sealed class PostedAnswers
{
    private readonly RankingStore _store;
    private readonly int _rankingsPerPrompt;
    private readonly long[] _tasks;

    private PostedAnswers(RankingStore store, IEnumerable<long> tasks, int rankingsPerPrompt) =>
        (_store, _tasks, _rankingsPerPrompt) = (store, [.. tasks.Distinct()], rankingsPerPrompt);

    /// <summary>Puts answers into a store, and raises its overlap where people are to rank each prompt more often than it says.</summary>
    /// <exception cref="InputException">The store cannot be opened.</exception>
    public static PostedAnswers Post(string store, string answersFile, string round, int rankingsPerPrompt)
    {
        var opened = RankingStore.Open(store);
        return Reaching(() =>
        {
            opened.Change(settings => settings with { Overlap = Math.Max(settings.Overlap, rankingsPerPrompt) });
            return new PostedAnswers(opened, opened.Add(RankingRows.Read(answersFile).Select(row => row.Answers with { Round = round })), rankingsPerPrompt);
        });
    }

    /// <summary>How far people are.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    public RankingProgress Progress() => Reaching(() =>
    {
        var own = _tasks.ToHashSet();
        var judgements = _store.Judgements().Where(judgement => own.Contains(judgement.Task)).ToList();
        return new RankingProgress(
            judgements.CountBy(judgement => judgement.Task).Sum(task => Math.Min(task.Value, _rankingsPerPrompt)),
            (long)_tasks.Length * _rankingsPerPrompt,
            judgements.DistinctBy(judgement => judgement.Labeler).Count());
    });

    /// <summary>Writes the rankings as they are now, one row each, as <c>label export</c> does; the number of rows.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    public int WriteRankings(TextWriter output) => Reaching(() => RankingExport.Write(_store, output, _tasks));

    private static T Reaching<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (DbException exception)
        {
            throw new RunFailedException(
                $"The store cannot be reached: {StoreFailure.ReasonOf(exception)}. Nothing is lost; resume the run when it is back.", exception);
        }
    }
}
