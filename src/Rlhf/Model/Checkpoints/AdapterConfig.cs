using System.Text.RegularExpressions;
using Rlhf.Model.Families;

namespace Rlhf.Model.Checkpoints;

/// <summary>
/// What PEFT's <c>adapter_config.json</c> says of a LoRA adapter (Hu 2021; rank-stabilised: Kalajdzievski 2023; DoRA: Liu 2024). A key that changes what the
/// adapter means and is not read is refused, and so is one that nobody knows, unless its value is null, false or empty.
/// </summary>
internal sealed class AdapterConfig
{
    /// <summary>The file's name.</summary>
    public const string FileName = "adapter_config.json";

    /// <summary>The name of the file beside it that says a reward model's shift.</summary>
    public const string ShiftFile = "score_shift.json";

    private const string AllLinear = "all-linear";
    private const int LargestRank = 65_536;

    // How it was trained, by whom and on what, but nothing of what it computes.
    private static readonly string[] Harmless =
    [
        "auto_mapping", "base_model_name_or_path", "revision", "inference_mode", "task_type", "peft_version", "lora_dropout", "fan_in_fan_out",
        "megatron_config", "megatron_core", "qalora_group_size", "loftq_config", "eva_config", "corda_config", "lora_ga_config", "runtime_config",
        "ensure_weight_tying", "monteclora_config",
    ];

    private static readonly string[] Known =
    [
        "peft_type", "r", "lora_alpha", "use_rslora", "use_dora", "target_modules", "exclude_modules", "rank_pattern", "alpha_pattern", "bias",
        "modules_to_save", "layers_to_transform", "layers_pattern", "init_lora_weights",
    ];

    // Ways to begin that leave the base as it is; others (PiSSA, OLoRA, LoftQ) take a part out of it.
    private static readonly string[] SoundBeginnings = ["gaussian", "eva", "orthogonal"];

    private readonly PlacedJson _json;
    private readonly Func<string, bool, bool> _targets;
    private readonly (Regex Pattern, double Value)[] _ranks;
    private readonly (Regex Pattern, double Value)[] _alphas;

    private AdapterConfig(string path)
    {
        _json = new PlacedJson(path, "", StrictJson.ObjectOf(path, Limits.ModelSettingsFile));
        if (_json["peft_type"].OptionalText() is var method and not "LORA")
        {
            throw _json["peft_type"].Refuse($"the method {method ?? "null"} is not supported (supported: LORA)");
        }

        RequireKnown();
        Rank = _json["r"].Integer(LargestRank) is > 0 and var rank ? rank : throw _json["r"].Refuse("expected a rank of at least 1");
        Alpha = Number(_json["lora_alpha"]);
        IsRankStabilised = _json["use_rslora"].Boolean(false);
        IsDora = _json["use_dora"].Boolean(false);
        _ranks = Patterns(_json["rank_pattern"]);
        _alphas = Patterns(_json["alpha_pattern"]);
        _targets = Matcher(_json["target_modules"]);
        var bias = _json["bias"].OptionalText() ?? "none";
        HasBiases = bias is "none" or "lora_only" or "all" ? bias != "none" : throw _json["bias"].Refuse($"expected none, lora_only or all, found {bias}");
        SavedModules = _json["modules_to_save"].IsNull ? [] : [.. _json["modules_to_save"].Items().Select(static item => item.Text()).Distinct()];
        IsScorer = _json["task_type"].OptionalText() == "SEQ_CLS";
        Base = _json["base_model_name_or_path"].OptionalText();
        ScoreShift = ShiftOf(Path.Combine(Path.GetDirectoryName(path)!, ShiftFile));
    }

    /// <summary>The rank where no pattern says another.</summary>
    public int Rank { get; }

    /// <summary>The scale's numerator where no pattern says another.</summary>
    public double Alpha { get; }

    /// <summary>The scale is alpha / sqrt(r) instead of alpha / r.</summary>
    public bool IsRankStabilised { get; }

    /// <summary>Each output has a magnitude of its own.</summary>
    public bool IsDora { get; }

    /// <summary>Biases of the base may stand in the file.</summary>
    public bool HasBiases { get; }

    /// <summary>Ends of the names of modules that stand in the file whole.</summary>
    public IReadOnlyList<string> SavedModules { get; }

    /// <summary>It makes a reward model of the base.</summary>
    public bool IsScorer { get; }

    /// <summary>The model that it was trained on, as the file names it.</summary>
    public string? Base { get; }

    /// <summary>The shift of a reward model's scores (<see cref="ScoreHead.Shift"/>), from a file of its own: PEFT takes no keys that it does not
    /// know.</summary>
    public float ScoreShift { get; }

    /// <summary>Reads the file of a folder.</summary>
    /// <exception cref="InputException">It is absent, broken, or asks for what is not supported.</exception>
    public static AdapterConfig Read(string folder) => new(Path.Combine(folder, FileName));

    /// <summary>What is wrong with a key.</summary>
    public InputException Refuse(string key, string message) => _json[key].Refuse(message);

    /// <summary>Whether a module is adapted.</summary>
    /// <param name="module">Its path: <c>model.layers.0.self_attn.q_proj</c>.</param>
    /// <param name="isLinear">Whether it is a linear layer of a block.</param>
    public bool Targets(string module, bool isLinear) => _targets(module, isLinear);

    /// <summary>The rank of a module's matrices.</summary>
    public int RankOf(string module) => Patterned(_ranks, module, Rank) is >= 1 and <= LargestRank and var rank && rank == Math.Floor(rank)
        ? (int)rank
        : throw Refuse("rank_pattern", $"expected ranks from 1 to {LargestRank}");

    /// <summary>What B A is multiplied by.</summary>
    public double ScaleOf(string module)
    {
        var (alpha, rank) = (Patterned(_alphas, module, Alpha), RankOf(module));
        return alpha / (IsRankStabilised ? Math.Sqrt(rank) : rank);
    }

    private static float ShiftOf(string path)
    {
        if (!File.Exists(path))
        {
            return 0;
        }

        var json = new PlacedJson(path, "", StrictJson.ObjectOf(path, Limits.ModelSettingsFile))[DecoderConfigWriter.ScoreShift];
        var shift = (float)Number(json);
        return float.IsFinite(shift) ? shift : throw json.Refuse("the number is too large");
    }

    private void RequireKnown()
    {
        foreach (var (key, value) in _json.Members())
        {
            if (!Harmless.Contains(key) && !Known.Contains(key) && !IsNothing(value))
            {
                throw value.Refuse("this key is not supported: it may change what the adapter means");
            }
        }

        foreach (var key in (ReadOnlySpan<string>)["exclude_modules", "layers_to_transform", "layers_pattern"])
        {
            if (!IsNothing(_json[key]))
            {
                throw _json[key].Refuse("this key is not supported: name the modules in target_modules");
            }
        }

        var beginning = _json["init_lora_weights"];
        if (beginning is { IsNull: false, Element.ValueKind: System.Text.Json.JsonValueKind.String } && !SoundBeginnings.Contains(beginning.Text()))
        {
            throw beginning.Refuse($"{beginning.Text()} changes the base model's weights, so the adapter does not go with the base as it is");
        }
    }

    private static bool IsNothing(PlacedJson value) => value.IsNull || value.Element.GetRawText() is "false" or "\"\"" or "[]" or "{}";

    private static Func<string, bool, bool> Matcher(PlacedJson json)
    {
        if (json.IsNull)
        {
            throw json.Refuse("names no module");
        }

        if (json.Element.ValueKind != System.Text.Json.JsonValueKind.String)
        {
            string[] names = [.. json.Items().Select(static item => item.Text())];
            return (module, _) => names.Any(name => module == name || module.EndsWith("." + name, StringComparison.Ordinal));
        }

        if (json.Text() == AllLinear)
        {
            return (_, isLinear) => isLinear;
        }

        var pattern = Compile(json, $"^(?:{json.Text()})$");
        return (module, _) => IsMatch(json, pattern, module);
    }

    // The first that is the whole path, or its end after a dot.
    private static (Regex Pattern, double Value)[] Patterns(PlacedJson json) => json.IsNull ? [] :
    [
        .. json.Members().Select(static member => (Compile(member.Value, $@"(?:^|\.)(?:{member.Name})$"), Number(member.Value))),
    ];

    private static double Patterned((Regex Pattern, double Value)[] patterns, string module, double otherwise) =>
        patterns.FirstOrDefault(pair => pair.Pattern.IsMatch(module)) is { Pattern: not null } found ? found.Value : otherwise;

    private static Regex Compile(PlacedJson json, string pattern)
    {
        json.RequireShort(pattern, Limits.TokenizerPattern);
        try
        {
            return new Regex(pattern, RegexOptions.CultureInvariant | RegexOptions.NonBacktracking, TimeSpan.FromSeconds(Limits.PatternSecondsPerMatch));
        }
        catch (Exception exception) when (exception is ArgumentException or NotSupportedException)
        {
            throw json.Refuse($"the pattern {pattern} is not supported: {FailureText.Of(exception)}");
        }
    }

    private static bool IsMatch(PlacedJson json, Regex pattern, string module)
    {
        try
        {
            return pattern.IsMatch(module);
        }
        catch (RegexMatchTimeoutException)
        {
            throw json.Refuse("the pattern takes too long");
        }
    }

    private static double Number(PlacedJson json) =>
        json.Element.ValueKind == System.Text.Json.JsonValueKind.Number && json.Element.TryGetDouble(out var number) && double.IsFinite(number)
            ? number
            : throw json.Refuse("expected a number");
}
