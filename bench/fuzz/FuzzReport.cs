using System.Globalization;

namespace Fuzz;

/// <summary>What a run found, as text and as files.</summary>
internal static class FuzzReport
{
    /// <summary>A line a target.</summary>
    public static string Table(FuzzRun run)
    {
        var lines = new List<string>
        {
            "| target | inputs | refused | crashes | hangs | over 1 GiB | silent | most MiB | most ms |",
            "| --- | --- | --- | --- | --- | --- | --- | --- | --- |",
        };
        lines.AddRange(run.Counts.Select(entry => Line(entry.Key, entry.Value)));
        var all = run.Counts.Values;
        lines.Add(string.Create(CultureInfo.InvariantCulture,
            $"| all | {all.Sum(c => c.Inputs)} | {all.Sum(c => c.Refused)} | {all.Sum(c => c.Crashes)} | {all.Sum(c => c.Hangs)} | {all.Sum(c => c.Allocations)} | {all.Sum(c => c.Silent)} | {all.Max(c => c.MostAllocated) >> 20} | {all.Max(c => c.MostMilliseconds):F0} |"));
        return string.Join('\n', lines);
    }

    /// <summary>Writes each failing input into a folder with what went wrong and how to read it again.</summary>
    public static void Write(FuzzRun run, FuzzOptions options)
    {
        foreach (var failure in run.Failures)
        {
            var folder =
                Path.Combine(options.Out, string.Create(CultureInfo.InvariantCulture, $"{failure.Target}-{failure.Kind}-{options.Seed}-{failure.Number}"));
            failure.Case.WriteTo(Path.Combine(folder, "input"));
            File.WriteAllText(Path.Combine(folder, "what.txt"), string.Create(CultureInfo.InvariantCulture,
                $"target {failure.Target}, seed {options.Seed}, input {failure.Number}: {failure.Kind}\n{failure.Case.Changes}\n\n{failure.Message}\n\nAgain: dotnet run -c Release --project bench/fuzz -- --target {failure.Target} --replay {folder}/input\n"));
        }
    }

    private static string Line(string name, FuzzCount count) => string.Create(CultureInfo.InvariantCulture,
        $"| {name} | {count.Inputs} | {count.Refused} | {count.Crashes} | {count.Hangs} | {count.Allocations} | {count.Silent} | {count.MostAllocated >> 20} | {count.MostMilliseconds:F0} |");
}
