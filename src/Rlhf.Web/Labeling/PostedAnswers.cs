using System.Data.Common;
using Rlhf.Runs;

namespace Rlhf.Web.Labeling;

/// <summary>The answers of one collect stage in a ranking store. What else is in the store, of other runs too, does not count.</summary>
public sealed class PostedAnswers : IPostedAnswers
{
    private readonly RankingStore store;
    private readonly int rankingsPerPrompt;
    private readonly long[] tasks;

    private PostedAnswers(RankingStore store, IEnumerable<long> tasks, int rankingsPerPrompt) =>
        (this.store, this.tasks, this.rankingsPerPrompt) = (store, [.. tasks.Distinct()], rankingsPerPrompt);

    /// <summary>Puts answers into a store, and raises its overlap where people are to rank each prompt more often than it says.</summary>
    /// <exception cref="InputException">The store cannot be opened.</exception>
    public static IPostedAnswers Post(string store, string answersFile, string round, int rankingsPerPrompt)
    {
        var opened = RankingStore.Open(store);
        return Reaching(() =>
        {
            opened.Change(settings => settings with { Overlap = Math.Max(settings.Overlap, rankingsPerPrompt) });
            return new PostedAnswers(opened, opened.Add(RankingRows.Read(answersFile).Select(row => row.Answers with { Round = round })), rankingsPerPrompt);
        });
    }

    /// <inheritdoc/>
    public RankingProgress Progress() => Reaching(() =>
    {
        var own = tasks.ToHashSet();
        var judgements = store.Judgements().Where(judgement => own.Contains(judgement.Task)).ToList();
        return new RankingProgress(
            judgements.CountBy(judgement => judgement.Task).Sum(task => Math.Min(task.Value, rankingsPerPrompt)),
            (long)tasks.Length * rankingsPerPrompt,
            judgements.DistinctBy(judgement => judgement.Labeler).Count());
    });

    /// <inheritdoc/>
    public int WriteRankings(TextWriter output) => Reaching(() => RankingExport.Write(store, output, tasks));

    private static T Reaching<T>(Func<T> work)
    {
        try
        {
            return work();
        }
        catch (DbException exception)
        {
            throw new RunFailedException($"The store cannot be reached: {StoreFailure.ReasonOf(exception)}. Nothing is lost; resume the run when it is back.", exception);
        }
    }
}
