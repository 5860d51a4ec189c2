using System.Globalization;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;

namespace Rlhf.Tests.Stages;

/// <summary>Asks a run to stop once its progress has told of a stage so many times; every step is told of, since each look at the clock is an hour
/// later.</summary>
/// <param name="stage">The stage's name in its run.</param>
/// <param name="after">How many times it is heard before.</param>
internal sealed class StopAfterStep(string stage, int after) : StringWriter(CultureInfo.InvariantCulture)
{
    private readonly CancellationTokenSource _stop = new();
    private int _said;

    public ProgressReporter Progress => field ??= new ProgressReporter(this, terminal: false, color: false, () => 80, new HourlyClock());

    public CancellationToken Token => _stop.Token;

    /// <summary>Runs a recipe in a folder, stopped again and again, each time a little later, until it comes to its end.</summary>
    /// <param name="recipe">The recipe, read anew for each try.</param>
    /// <param name="folder">The run folder.</param>
    /// <param name="stage">The stage's name in its run.</param>
    /// <param name="later">How many more times it is heard before each further stop.</param>
    /// <param name="most">Stops at most.</param>
    /// <returns>How often it was stopped.</returns>
    public static int AgainAndAgain(Func<Recipe> recipe, string folder, string stage, int later, int most)
    {
        for (var stops = 0; stops < most; stops++)
        {
            using var stop = new StopAfterStep(stage, later * stops);
            try
            {
                RecipeRun.Execute(recipe(), new RunSettings(folder, Resume: true), stop.Progress, stop.Token);
                return stops;
            }
            catch (OperationCanceledException)
            {
                // It goes on at the next try.
            }
        }

        return most;
    }

    public override void Write(string? value)
    {
        if (value?.Contains(stage, StringComparison.Ordinal) == true && _said++ >= after)
        {
            _stop.Cancel();
        }
    }

    protected override void Dispose(bool disposing)
    {
        _stop.Dispose();
        base.Dispose(disposing);
    }

    private sealed class HourlyClock : TimeProvider
    {
        private long _hours;

        public override long TimestampFrequency => 1;

        public override long GetTimestamp() => Interlocked.Increment(ref _hours) * 3600;
    }
}
