using Fuzz;
using Rlhf.World;

namespace Rlhf.Tests.Fuzzing;

/// <summary>Changed inputs for everything that reads files; <c>bench/fuzz</c> does the same for hours.</summary>
public class FuzzTests
{
    private const int Inputs = 20_000;

    /// <summary>Names of all targets.</summary>
    public static TheoryData<string> Targets => [.. FuzzTarget.All.Select(target => target.Name)];

    [Theory]
    [MemberData(nameof(Targets))]
    public void Changed_files_are_read_or_refused_with_a_sentence(string target)
    {
        var share = FuzzTarget.All.Single(one => one.Name == target).Share;
        // The time is no measure of the program here: the machine may be busy.
        var run = new FuzzRun(
            new FuzzOptions { Inputs = Inputs * share / FuzzTarget.All.Sum(one => one.Share), Seed = 17, Targets = [target], HangSeconds = 120 });
        run.Go(_ => { });
        Assert.True(run.Failures.Count == 0,
            string.Join("\n\n", run.Failures.Take(3).Select(failure => $"input {failure.Number}, {failure.Kind}: {failure.Case.Changes}\n{failure.Message}")));
        Assert.True(run.Done > 0);
    }

    [Theory]
    [MemberData(nameof(Targets))]
    public void What_changed_inputs_are_made_of_is_sound(string target)
    {
        var fuzz = FuzzTarget.All.Single(one => one.Name == target);
        var run = new FuzzRun(new FuzzOptions());
        foreach (var seed in fuzz.Seeds)
        {
            run.Read(fuzz, 0, seed);
        }

        Assert.Empty(run.Failures);
        Assert.True(
            run.Counts[target].Refused < run.Counts[target].Inputs || target is "template" or "rows" or "gzip" or "tables", "every seed is refused: nothing is tested");
    }

    [Fact]
    public void Tables_that_are_changed_are_sound_before() => Assert.All(FuzzTarget.All.Single(one => one.Name == "tables").Seeds, seed =>
    {
        using var folder = new TestFolder();
        var (name, bytes) = seed.Files.Single();
        Assert.All(Data.Tables.SoundRows.Of(folder.Write(name, bytes)), text => Assert.Contains("prompt", text, StringComparison.Ordinal));
    });

    [Fact]
    public void An_input_depends_on_its_seed_and_number_alone()
    {
        var target = FuzzTarget.All.Single(one => one.Name == "rows");
        Assert.Equal(target.Case(5, 12).Files["rows.jsonl"], target.Case(5, 12).Files["rows.jsonl"]);
        Assert.NotEqual(target.Case(5, 12).Files["rows.jsonl"], target.Case(6, 12).Files["rows.jsonl"]);
    }

    [Fact]
    public void Crashes_large_allocations_and_silent_damage_are_counted()
    {
        var failing = new FuzzTarget("failing", 1, (input, _) => Fail(input.Files["x"][0]), () => []) { OnDisk = false };
        var run = new FuzzRun(new FuzzOptions { MostAllocatedBytes = 1 << 20 });
        for (byte what = 0; what < 4; what++)
        {
            run.Read(failing, what, new FuzzCase([KeyValuePair.Create("x", (byte[])[what])]));
        }

        Assert.Equal(["crash", "silent", "allocation"], run.Failures.Select(failure => failure.Kind));
        var count = run.Counts["failing"];
        Assert.Equal((4, 1, 1, 1, 1), (count.Inputs, count.Refused, count.Crashes, count.Silent, count.Allocations));
    }

    private static void Fail(byte what)
    {
        switch (what)
        {
            case 0:
                throw new InputException("a sentence");
            case 1:
                throw new InvalidCastException();
            case 2:
                throw new SilentAcceptanceException("a byte");
            default:
                GC.KeepAlive(new byte[2 << 20]);
                break;
        }
    }
}
