using System.Globalization;
using Rlhf.Labelers.Store;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>How people are asked.</summary>
/// <param name="Store">Where they work: an SQLite file or a database server.</param>
/// <param name="PerPrompt">How many of them rank, or answer, each prompt.</param>
/// <param name="Enough">How much is enough to go on: a share of all at most 1, or a number.</param>
/// <param name="Wait">Whether to wait for them, or to end until the run is resumed.</param>
/// <param name="Section">The part of the recipe that says so, for people: <c>collect</c>.</param>
internal sealed record PeopleSettings(string Store, int PerPrompt, double Enough, bool Wait, string Section);

/// <summary>A stage waits, or stops, until people have done enough of what it put into their store.</summary>
/// <param name="settings">How they are asked.</param>
/// <param name="stage">The stage, for people.</param>
/// <param name="noun">What they make: "rankings".</param>
/// <param name="verb">What they do: "rank".</param>
internal sealed class PeopleWait(PeopleSettings settings, string stage, string noun, string verb)
{
    private static readonly TimeSpan LookEvery = TimeSpan.FromSeconds(2);

    /// <summary>The command that opens their page.</summary>
    public string LabelCommand =>
        $"rlhf label --store {(settings.Store.All(character => char.IsAsciiLetterOrDigit(character) || "/._-:@\\".Contains(character, StringComparison.Ordinal)) ? settings.Store : $"\"{settings.Store}\"")}";

    /// <summary>Returns once enough is in.</summary>
    /// <exception cref="RunPausedException">It is not, and the recipe says not to wait.</exception>
    public void Until(PostedTasks posted, ProgressReporter reporter, CancellationToken cancellation)
    {
        var progress = posted.Progress();
        var needed = Needed(progress.Wanted);
        if (progress.Done < needed && !settings.Wait)
        {
            throw new RunPausedException(
                string.Create(CultureInfo.InvariantCulture,
                    $"{stage}: {progress.Done} of {needed} {noun} are in{(progress.Skipped > 0 ? $" ({progress.Skipped} times a task was skipped, which is not done)" : "")}; people {verb} on the page of:{Environment.NewLine}  {LabelCommand}"),
                settings.Section);
        }

        Wait(posted, progress, needed, reporter, cancellation);
    }

    /// <summary>An error where all that people said is why they did not do it.</summary>
    public RunFailedException NothingUsable() =>
        new($"{stage}: of all that people did in {settings.Store} nothing is of use (cannot judge, skipped); look at the owner's page: {LabelCommand}");

    private long Needed(long wanted) => Math.Min(wanted, (long)(settings.Enough <= 1 ? Math.Ceiling(settings.Enough * wanted) : settings.Enough));

    private void Wait(PostedTasks posted, TaskProgress state, long needed, ProgressReporter reporter, CancellationToken cancellation)
    {
        if (state.Done < needed)
        {
            reporter.Line($"{stage}: waits for people, who {verb} on the page of: {LabelCommand}");
        }

        using var progress = reporter.Start(stage, needed, noun);
        progress.Skip(state.Done);
        while (state.Done < needed)
        {
            cancellation.WaitHandle.WaitOne(LookEvery);
            cancellation.ThrowIfCancellationRequested();
            var before = state.Done;
            state = posted.Progress();
            if (state.Done != before || reporter.Terminal)
            {
                progress.Advance(state.Done - before, string.Create(CultureInfo.InvariantCulture, $"{state.Labelers} labelers"));
            }
        }
    }
}
