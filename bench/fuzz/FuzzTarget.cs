namespace Fuzz;

/// <summary>A reader that changed inputs are given to.</summary>
/// <param name="Name">As the command line calls it.</param>
/// <param name="Share">How many of a hundred inputs it gets.</param>
/// <param name="Read">Reads a case; the folder holds its files where <see cref="OnDisk"/>. Throws what the reader throws, or
/// <see cref="SilentAcceptanceException"/>.</param>
/// <param name="MakeSeeds">Sound inputs.</param>
public sealed record FuzzTarget(string Name, int Share, Action<FuzzCase, string> Read, Func<IEnumerable<FuzzCase>> MakeSeeds)
{
    private IReadOnlyList<FuzzCase>? _seeds;

    /// <summary>Words that are put into texts.</summary>
    public IReadOnlyList<string> Words { get; init; } = [];

    /// <summary>Whether the reader wants files.</summary>
    public bool OnDisk { get; init; } = true;

    /// <summary>Sound inputs, made once.</summary>
    public IReadOnlyList<FuzzCase> Seeds => _seeds ??= [.. MakeSeeds()];

    /// <summary>All targets.</summary>
    public static IReadOnlyList<FuzzTarget> All { get; } = [.. TextTargets.All, .. ModelTargets.All, .. RunTargets.All];

    /// <summary>The input of a number: the same for the same seed, whatever came before.</summary>
    public FuzzCase Case(ulong seed, long number)
    {
        var random = FuzzRandom.Of(seed, Name, number);
        return Mutator.Change(random.Of(Seeds), random, Words);
    }

    internal static FuzzCase Text(string name, string text) => new([KeyValuePair.Create(name, System.Text.Encoding.UTF8.GetBytes(text))]);
}

/// <summary>A changed byte was taken for what was written.</summary>
public sealed class SilentAcceptanceException(string message) : Exception(message);
