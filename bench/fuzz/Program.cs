namespace Fuzz;

/// <summary>
/// Changed inputs for everything that reads files: crashes, hangs, memory, and damage that is not noticed.
/// <code>
/// dotnet run -c Release --project bench/fuzz -- --inputs 1000000 --seed 7
/// dotnet run -c Release --project bench/fuzz -- --target template,tokenizer --inputs 100000
/// dotnet run -c Release --project bench/fuzz -- --target template --replay fuzz-failures/template-crash-7-123/input
/// </code>
/// A failing input is written below --out with its seed and number. Exit code 1 where anything failed.
/// </summary>
internal static class Program
{
    private static int Main(string[] arguments)
    {
        var options = FuzzOptions.Parse(arguments);
        var run = new FuzzRun(options);
        if (options.Replay is { } replay)
        {
            run.Read(options.Chosen()[0], 0, FuzzCase.ReadFrom(replay));
        }
        else
        {
            Console.WriteLine($"seed {options.Seed}, {options.Inputs} inputs");
            run.Go(now => Tell(now, options));
        }

        Console.WriteLine(FuzzReport.Table(run));
        foreach (var failure in run.Failures)
        {
            Console.WriteLine($"\n{failure.Target} {failure.Number} {failure.Kind}: {failure.Case.Changes}\n{failure.Message}");
        }

        FuzzReport.Write(run, options);
        return run.Failures.Count == 0 ? 0 : 1;
    }

    // The counts so far stay when the run is ended early.
    private static void Tell(FuzzRun run, FuzzOptions options)
    {
        Console.Error.WriteLine($"{DateTime.UtcNow:HH:mm:ss} {run.Done} inputs, {run.Failures.Count} failures kept");
        File.WriteAllText(Path.Combine(Directory.CreateDirectory(options.Out).FullName, "counts.md"), FuzzReport.Table(run) + "\n");
    }
}
