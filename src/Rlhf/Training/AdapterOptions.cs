using Rlhf.Compute.Operations;
using Rlhf.Model;

namespace Rlhf.Training;

/// <summary>
/// LoRA (Hu 2021): the model's weights stay as they are, and narrow matrices beside its linear layers are trained. Only these have gradients and moments, and
/// they are what the stage writes, in PEFT's form. Defaults: rank 16 and alpha 32 on all linear layers, as TRL's recipes have them.
/// </summary>
public sealed record AdapterOptions
{
    /// <summary>In <see cref="Targets"/>: every linear layer of the blocks.</summary>
    public const string AllLinear = "all-linear";

    private const int LargestRank = 4096;

    /// <summary>Columns of the narrow matrices.</summary>
    public int Rank { get; init; } = 16;

    /// <summary>What the narrow matrices' product is multiplied by is this divided by the rank.</summary>
    public double Alpha { get; init; } = 32;

    /// <summary>Dropout on what the narrow matrices read, while training (0: none). Not in ppo, whose policy is to be the one that answered.</summary>
    public double Dropout { get; init; }

    /// <summary>The adapted layers: <c>all-linear</c>, or ends of their names: <c>[q_proj, v_proj]</c>.</summary>
    public IReadOnlyList<string> Targets { get; init; } = [AllLinear];

    /// <summary>Divides alpha by the root of the rank instead (Kalajdzievski 2023).</summary>
    public bool RankStabilised { get; init; }

    /// <summary>What the frozen weights' matrices stand in: <c>f32</c>, or rounded once to <c>bf16</c> (half of the memory), <c>int8</c> (about a quarter) or
    /// <c>q4</c> (about a sixth). A GGUF file's own blocks are not rounded again.</summary>
    public WeightStorage BaseStorage { get; init; }

    /// <summary>What the narrow matrices' product is multiplied by.</summary>
    public double Scale => Alpha / (RankStabilised ? Math.Sqrt(Rank) : Rank);

    /// <summary>The names among the targets; none where all linear layers are meant.</summary>
    public IReadOnlyList<string> NamedTargets => [.. Targets.Where(static target => target != AllLinear)];

    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    public void Validate(OptionErrors errors)
    {
        errors.Within(Rank, 1, LargestRank);
        errors.Positive(Alpha);
        errors.Below(Dropout, 0, 1);
        errors.Require(Targets.Count > 0, nameof(Targets), $"names no layer; write {AllLinear}, or a list of ends of layers' names");
        errors.Require(Targets.Count == 1 || !Targets.Contains(AllLinear), nameof(Targets), $"has {AllLinear} beside other names; write one or the other");
    }

    /// <summary>Where an adapter with these options lies beside a model.</summary>
    /// <exception cref="InputException">A target is no layer of the model.</exception>
    public AdapterLayout LayoutFor(DecoderConfig config) => WrongTargets(config) is { } wrong
        ? throw new InputException($"adapter.targets: {wrong}.")
        : new AdapterLayout(new ParameterLayout(config), module => Targets.Any(target => Names(target, module)) ? (Rank, Scale) : null);

    /// <summary>Which targets are no layers of a model, and which there are; null where all of them are.</summary>
    public string? WrongTargets(DecoderConfig config)
    {
        string[] all = [.. new AdapterLayout(new ParameterLayout(config), _ => (Rank, Scale)).Modules.Select(static module => module.Module)];
        var wrong = NamedTargets.Where(target => !Array.Exists(all, module => Names(target, module))).Order(StringComparer.Ordinal).ToList();
        return wrong.Count == 0 ? null
            : $"{string.Join(", ", wrong)} {(wrong.Count == 1 ? "is no linear layer" : "are no linear layers")} of the model's blocks; there are "
            + $"{string.Join(", ", all.Select(static module => module[(module.LastIndexOf('.') + 1)..]).Distinct())}, or {AllLinear}";
    }

    private static bool Names(string target, string module) =>
        target == AllLinear || module == target || module.EndsWith("." + target, StringComparison.Ordinal);

    /// <summary>Whether an adapter has the matrices that these options ask for, so that it can be trained on.</summary>
    public bool Describe(AdapterLayout adapter, DecoderConfig config) => adapter.IsUniform && adapter.Modules.SequenceEqual(LayoutFor(config).Modules);
}
