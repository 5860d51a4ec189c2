using System.Globalization;

namespace Fuzz;

/// <summary>What a run of the fuzzer does.</summary>
public sealed record FuzzOptions
{
    /// <summary>Inputs, over all targets.</summary>
    public long Inputs { get; init; } = 20_000;

    /// <summary>All choices depend on it.</summary>
    public ulong Seed { get; init; } = 1;

    /// <summary>Names of targets; empty for all.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [];

    /// <summary>Where failing inputs are written.</summary>
    public string Out { get; init; } = "fuzz-failures";

    /// <summary>Seconds of the processor after which an input counts as hung, and a twentieth of those of the clock.</summary>
    public double HangSeconds { get; init; } = 5;

    /// <summary>Bytes that an input may allocate, those included that are thrown away.</summary>
    public long MostAllocatedBytes { get; init; } = 1L << 30;

    /// <summary>A folder with a failing input, which alone is read.</summary>
    public string? Replay { get; init; }

    /// <summary>Reads <c>--inputs N --seed S --target A,B --out DIR --hang SECONDS --replay DIR</c>.</summary>
    public static FuzzOptions Parse(IReadOnlyList<string> arguments)
    {
        var options = new FuzzOptions();
        for (var i = 0; i + 1 < arguments.Count; i += 2)
        {
            var value = arguments[i + 1];
            options = arguments[i] switch
            {
                "--inputs" => options with { Inputs = long.Parse(value, CultureInfo.InvariantCulture) },
                "--seed" => options with { Seed = ulong.Parse(value, CultureInfo.InvariantCulture) },
                "--target" => options with { Targets = value.Split(',') },
                "--out" => options with { Out = value },
                "--hang" => options with { HangSeconds = double.Parse(value, CultureInfo.InvariantCulture) },
                "--replay" => options with { Replay = value },
                var other => throw new ArgumentException($"{other}: expected --inputs, --seed, --target, --out, --hang or --replay"),
            };
        }

        return options;
    }

    /// <summary>The targets that are meant.</summary>
    public IReadOnlyList<FuzzTarget> Chosen() => Targets.Count == 0 ? FuzzTarget.All
        : [.. Targets.Select(name => FuzzTarget.All.FirstOrDefault(target => target.Name == name)
            ?? throw new ArgumentException($"no target {name}; there are {string.Join(", ", FuzzTarget.All.Select(target => target.Name))}"))];
}
