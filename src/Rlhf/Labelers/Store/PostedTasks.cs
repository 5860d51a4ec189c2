using System.Data.Common;

namespace Rlhf.Labelers.Store;

/// <summary>How far people are with the tasks of one stage.</summary>
/// <param name="Done">Judgements in the store, of each prompt no more than are wanted; what was skipped does not count.</param>
/// <param name="Wanted">Prompts times what is wanted for each.</param>
/// <param name="Labelers">People who have done at least one.</param>
/// <param name="Skipped">How often somebody said why there is no judgement.</param>
public sealed record TaskProgress(long Done, long Wanted, int Labelers, int Skipped);

/// <summary>The tasks of one stage in a store. What else is in the store, of other runs too, does not count.</summary>
public sealed class PostedTasks
{
    private readonly RankingStore _store;
    private readonly int _perPrompt;
    private readonly long[] _tasks;

    private PostedTasks(RankingStore store, IEnumerable<long> tasks, int perPrompt) =>
        (_store, _tasks, _perPrompt) = (store, [.. tasks.Distinct()], perPrompt);

    /// <summary>Puts tasks into a store, and raises its overlap where people are to do each of them more often than it says.</summary>
    /// <exception cref="InputException">The store cannot be opened.</exception>
    public static PostedTasks Post(string store, IEnumerable<AnswerSet> tasks, int perPrompt)
    {
        var opened = RankingStore.Open(store);
        return Reaching(() =>
        {
            opened.Change(settings => settings with { Overlap = Math.Max(settings.Overlap, perPrompt) });
            return new PostedTasks(opened, opened.Add(tasks), perPrompt);
        });
    }

    /// <summary>How far people are.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    public TaskProgress Progress() => Reaching(() =>
    {
        var own = _tasks.ToHashSet();
        var judgements = _store.Judgements().Where(judgement => own.Contains(judgement.Task)).ToList();
        return new TaskProgress(
            judgements.Where(judgement => !judgement.Skipped).CountBy(judgement => judgement.Task).Sum(task => Math.Min(task.Value, _perPrompt)),
            (long)_tasks.Length * _perPrompt,
            judgements.DistinctBy(judgement => judgement.Labeler).Count(), judgements.Count(judgement => judgement.Skipped));
    });

    /// <summary>Writes the rankings as they are now, one row each, as <c>label export</c> does; the number of rows.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    public int WriteRankings(TextWriter output) => Reaching(() => RankingExport.Write(_store, output, _tasks));

    /// <summary>Writes the demonstrations as they are now, one row each, as <c>label export --as demonstrations</c> does; the number of rows.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    public int WriteDemonstrations(TextWriter output) => Reaching(() => RankingExport.WriteDemonstrations(_store, output, _tasks));

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
