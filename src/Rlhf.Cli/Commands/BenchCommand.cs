using System.CommandLine;
using System.Globalization;
using Rlhf.Cli.Bench;
using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Reports;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf bench</c>: how fast the steps of the recipe are on this machine.</summary>
internal static class BenchCommand
{
    private static readonly Option<string> Size = new Option<string>("--size")
    {
        Description = "The model: mini (14 million parameters) or small (124 million).",
        HelpName = "SIZE",
        DefaultValueFactory = static _ => BenchmarkShape.Mini.Name,
    }.AcceptOnlyFromAmong([.. BenchmarkShape.All.Select(static shape => shape.Name)]);

    private static readonly Option<int?> Threads = new("--threads") { Description = "Threads; by default RLHF_THREADS, or all cores.", HelpName = "N" };

    private static readonly Option<string> PrecisionName = new Option<string>("--precision")
    {
        Description = "What operands of matrix products are rounded to: f32, or bf16 (needs oneDNN).",
        HelpName = "TYPE",
        DefaultValueFactory = static _ => "f32",
    }.AcceptOnlyFromAmong("f32", "bf16");

    private static readonly Option<int> Repeat = new("--repeat")
    {
        Description = "Times that a phase is done (the update: once); the best counts.",
        HelpName = "N",
        DefaultValueFactory = static _ => 2,
    };

    private static readonly Option<string> Phases = new("--phases")
    {
        Description = "Those to time: sft, rollout, score, update, rm, rm_shared, with commas between; by default all.",
        HelpName = "LIST",
        DefaultValueFactory = static _ => string.Join(',', PhaseNames.Keys),
    };

    private static readonly Option<bool> Json = ModelArguments.Json("One JSON object on one line, with the keys of PyTorch's script (docs/performance.md).");

    private static readonly Option<bool> Check =
        new("--check") { Description = "Times nothing: compares a small model's steps with a plain float64 path, and fails where they differ." };

    private static readonly Option<bool> Grows = new("--growth")
    {
        Description = "Times no phases: speed and memory of a training step and of scoring against sequence length, batch, vocabulary and width.",
    };

    private static readonly Option<string?> Document = new("--document")
    {
        Description = "With --growth: writes tables between this Markdown file's growth markers, and drawings to the folder images beside it.",
        HelpName = "FILE",
    };

    private static Dictionary<string, BenchmarkPhase> PhaseNames =>
        Enum.GetValues<BenchmarkPhase>().ToDictionary(static phase => SnakeCase.Of(phase));

    public static Command Create() =>
        new Command("bench", "Times SFT, rollout, scoring, PPO update and reward model on random weights, and the machine beside them.")
        {
            Size,
            Threads,
            PrecisionName,
            Repeat,
            Phases,
            Json,
            Check,
            Grows,
            Document,
        }
            .WithExamples("rlhf bench", "rlhf bench --size small --threads 1 --json", "rlhf bench --phases rollout --repeat 5", "rlhf bench --check",
                "rlhf bench --growth --threads 1")
            .Does(Run);

    private static int Run(ParseResult parsed, CancellationToken cancellation)
    {
        var phases = PhasesOf(parsed.GetValue(Phases)!);
        var shape = BenchmarkShape.All.Single(shape => shape.Name == parsed.GetValue(Size));
        var threads = parsed.GetValue(Threads);
        var repetitions = parsed.GetValue(Repeat);
        if (repetitions < 1 || threads < 1)
        {
            throw new InputException("--threads and --repeat must be at least 1.");
        }

        if (parsed.GetValue(Document) is not null && !parsed.GetValue(Grows))
        {
            throw new InputException("--document goes with --growth: bench/peers/run.sh writes the other figures.");
        }

        var precision = parsed.GetValue(PrecisionName)!;
        var type = Enum.Parse<Precision>(precision, ignoreCase: true);
        if (parsed.GetValue(Grows))
        {
            return Grow(parsed, () => Devices.Create(precision: type, threads: threads), repetitions, precision, cancellation);
        }

        using var device = Devices.Create(precision: type, threads: threads);
        if (parsed.GetValue(Check))
        {
            return Compare(parsed.Output(), device);
        }

        var before = MachineRates.Measure(device);
        ResidentMemory.ForgetPeak();
        IReadOnlyList<PhaseResult> results;
        using (var benchmark = new Benchmark(shape, device, repetitions, text => parsed.Error().WriteLine($"rlhf: {text}"), cancellation))
        {
            results = benchmark.Run(phases);
        }

        var peakMemory = ResidentMemory.PeakBytes();
        var result = new BenchmarkResult(shape.Name, device.Threads, precision, results, before.Best(MachineRates.Measure(device)), peakMemory);
        if (parsed.GetValue(Json))
        {
            parsed.Output().WriteLine(result.ToJson());
        }
        else
        {
            Write(parsed.Output(), result, device.Description);
        }

        return ExitCode.Success;
    }

    private static int Grow(ParseResult parsed, Func<IDevice> createDevice, int repetitions, string precision, CancellationToken cancellation)
    {
        var document = parsed.GetValue(Document);
        if (document is not null)
        {
            MarkedSection.Require(document, GrowthReport.Section);
        }

        var growth = new Growth(createDevice, repetitions, text => parsed.Error().WriteLine($"rlhf: {text}"), cancellation);
        using var device = createDevice();
        var report = new GrowthReport([.. Enum.GetValues<GrowthAxis>().Select(axis => (axis, growth.Along(axis)))], precision, device.Description);
        parsed.Output().WriteLine(parsed.GetValue(Json) ? report.ToJson() : report.ToMarkdown());
        if (document is not null)
        {
            report.WriteTo(document);
        }

        return ExitCode.Success;
    }

    private static int Compare(TextWriter output, IDevice device)
    {
        var quantities = BenchmarkCheck.Run(device);
        var table = new TextTable("compared with the plain path", "numbers", "difference", "allowed", "");
        foreach (var quantity in quantities)
        {
            table.AddRow(quantity.Name, Number(quantity.Numbers, "N0"), Number(quantity.Difference, "0.0E+0"), Number(quantity.Bound, "0.0E+0"),
                quantity.Holds ? "" : "TOO LARGE");
        }

        table.Write(output);
        return quantities.All(static quantity => quantity.Holds) ? ExitCode.Success : ExitCode.Failed;
    }

    private static void Write(TextWriter output, BenchmarkResult result, string device)
    {
        var table = new TextTable("phase", "seconds", "a second", "GFLOP", "of the peak", "allocated");
        foreach (var phase in result.Phases)
        {
            var rates = string.Join(", ", phase.Rates.Select(static rate => $"{Number(rate.Value, "N1")} {rate.Unit}"));
            table.AddRow(
                SnakeCase.Of(phase.Phase), Number(phase.Seconds, "F3"), rates, Number(phase.Operations / 1e9, "N0"),
                Number(result.PeakFraction(phase), "P0"), $"{Number(phase.AllocatedBytes / 1024.0, "N0")} KiB");
        }

        table.Write(output);
        if (result.PpoStepSeconds is { } seconds)
        {
            output.WriteLine($"PPO step {Number(seconds, "F2")} s (rollout, scores, update)");
        }

        output.WriteLine($"{result.Size}, {result.Precision}, {device}; peak memory {Number(result.PeakMemoryBytes / 1048576.0, "N0")} MiB");
        output.WriteLine(
            $"matmul peak {Number(result.Machine.MatmulPeak / 1e9, "N1")} GFLOP/s, 2048 x 768 x 3072 {Number(result.Machine.GemmRate / 1e9, "N1")} GFLOP/s, copying {Number(result.Machine.CopyRate / 1e9, "N1")} GB/s");
    }

    private static HashSet<BenchmarkPhase> PhasesOf(string list) => [.. list.Split(',', StringSplitOptions.TrimEntries).Select(static name =>
        PhaseNames.TryGetValue(name, out var phase)
            ? phase
            : throw new InputException($"--phases: '{name}' is none of {string.Join(", ", PhaseNames.Keys)}."))];

    private static string Number(double value, string format) => value.ToString(format, CultureInfo.InvariantCulture);
}
