using System.Text.Json.Nodes;
using Rlhf.Model.Families;

namespace Rlhf.Model.Checkpoints;

/// <summary>What an adapter's folder says of it beside its numbers.</summary>
/// <param name="Base">The model that it stands on: a path, relative to the folder or whole, or a name on the hub.</param>
/// <param name="Alpha">The scale's numerator.</param>
/// <param name="Dropout">Dropout in training.</param>
/// <param name="Targets">Ends of the adapted modules' names; empty: those that are adapted.</param>
/// <param name="IsRankStabilised">The scale is alpha / sqrt(r) instead of alpha / r.</param>
public sealed record AdapterSettings(string Base, double Alpha, double Dropout, IReadOnlyList<string> Targets, bool IsRankStabilised);

/// <summary>
/// Writes a decoder's adapter as PEFT's folder. Adapters that stand on one another become one: their As one under another and their scaled Bs side by side are
/// the same function. Not atomic by itself: call it inside <see cref="DurableFiles.ReplaceFolderAtomically"/>.
/// </summary>
internal static class AdapterWriter
{
    private const string Prefix = "base_model.model.";

    /// <summary>Writes to a folder that has no adapter yet.</summary>
    /// <param name="folder">Created if absent.</param>
    /// <param name="decoder">A decoder with an adapter.</param>
    /// <param name="settings">What is said of it.</param>
    /// <param name="options">Number type, scalar head and the files that are carried along.</param>
    public static void Save(string folder, Decoder decoder, AdapterSettings settings, SaveOptions options)
    {
        Directory.CreateDirectory(folder);
        var parts = decoder.Adapters.Select(static adapter => new AdapterNumbers(adapter)).ToList();
        var modules = parts.SelectMany(static part => part.Layout.Modules).Select(static module => module.Module).Distinct().ToList();
        var tensors = modules.SelectMany(module => Tensors(module, parts, options.Type)).ToList();
        if (options.Score is { } score)
        {
            tensors.Add(new TensorToWrite(Prefix + ScoreHead.WeightName, [1, score.Weight.Length], options.Type, ReaderOf(score.Weight)));
        }

        using (var stream = new FileStream(Path.Combine(folder, AdapterFile.FileName), FileMode.CreateNew, FileAccess.Write))
        {
            SafetensorsWriter.Write(stream, tensors);
        }

        var config = ConfigOf(parts, modules, decoder.Config.WeightsAreInputMajor, settings, options.Score);
        File.WriteAllText(Path.Combine(folder, AdapterConfig.FileName), DecoderConfigWriter.ToText(config));
        foreach (var (name, bytes) in options.Source?.Files ?? new Dictionary<string, byte[]>())
        {
            File.WriteAllBytes(Path.Combine(folder, name), bytes);
        }

        if (options.Score is { Shift: not 0 } shifted)
        {
            var json = new JsonObject { [DecoderConfigWriter.ScoreShift] = shifted.Shift };
            File.WriteAllText(Path.Combine(folder, AdapterConfig.ShiftFile), DecoderConfigWriter.ToText(json));
        }
    }

    private static IEnumerable<TensorToWrite> Tensors(string module, List<AdapterNumbers> parts, TensorType type)
    {
        var matrices = parts.Select(part => part.Of(module)).Where(static part => part is not null).Select(static part => part!).ToList();
        var (rank, first) = (matrices.Sum(static part => part.Rank), matrices[0]);
        var (inputs, outputs) = (first.A.Length / first.Rank, first.B.Length / first.Rank);
        float[] a = [.. matrices.SelectMany(static part => part.A)];
        var b = parts.Count == 1 ? first.B : SideBySide(matrices, outputs, rank);
        yield return new($"{Prefix}{module}.lora_A.weight", [rank, inputs], type, ReaderOf(a));
        yield return new($"{Prefix}{module}.lora_B.weight", [outputs, rank], type, ReaderOf(b));
    }

    private static FloatReader ReaderOf(float[] numbers) => (first, destination) => numbers.AsSpan((int)first, destination.Length).CopyTo(destination);

    private static float[] SideBySide(List<LowRank> matrices, int outputs, int rank)
    {
        var b = new float[outputs * rank];
        for (var (part, column) = (0, 0); part < matrices.Count; column += matrices[part++].Rank)
        {
            var (from, width, scale) = (matrices[part].B, matrices[part].Rank, matrices[part].Scale);
            for (var i = 0; i < from.Length; i++)
            {
                b[(i / width * rank) + column + (i % width)] = (float)(scale * from[i]);
            }
        }

        return b;
    }

    private static JsonObject ConfigOf(List<AdapterNumbers> parts, List<string> modules, bool isInputMajor, AdapterSettings settings, ScoreHead? score)
    {
        var ranks = modules.ToDictionary(static module => module, module => parts.Sum(part => part.RankOf(module)), StringComparer.Ordinal);
        var rank = ranks.Values.Max();
        var together = parts.Count > 1; // then the scales stand in B: alpha is the rank
        var others = ranks.Where(pair => pair.Value != rank).ToList();
        JsonObject Pattern() => new(others.Select(static pair => KeyValuePair.Create(pair.Key, (JsonNode?)pair.Value)));
        return new JsonObject
        {
            ["alpha_pattern"] = together ? Pattern() : [],
            ["base_model_name_or_path"] = settings.Base,
            ["bias"] = "none",
            ["fan_in_fan_out"] = isInputMajor,
            ["inference_mode"] = true,
            ["init_lora_weights"] = true,
            ["lora_alpha"] = together ? rank : Whole(settings.Alpha),
            ["lora_dropout"] = settings.Dropout,
            ["modules_to_save"] = score is null ? null : new JsonArray("classifier", "score"),
            ["peft_type"] = "LORA",
            ["r"] = rank,
            ["rank_pattern"] = Pattern(),
            ["target_modules"] = new JsonArray([.. (together || settings.Targets.Count == 0 ? Ends(modules) : settings.Targets).Select(static name => (JsonNode?)name)]),
            ["task_type"] = score is null ? "CAUSAL_LM" : "SEQ_CLS",
            ["use_dora"] = false,
            ["use_rslora"] = !together && settings.IsRankStabilised,
        };
    }

    // PEFT's own files have whole numbers where they are whole.
    private static JsonNode Whole(double number) => number == Math.Floor(number) && Math.Abs(number) < int.MaxValue ? (int)number : number;

    private static IEnumerable<string> Ends(IEnumerable<string> modules) =>
        modules.Select(static module => module[(module.LastIndexOf('.') + 1)..]).Distinct().Order(StringComparer.Ordinal);

    /// <summary>The numbers of one adapter on the host, in the order of files.</summary>
    private sealed class AdapterNumbers
    {
        private readonly float[] _numbers;

        public AdapterNumbers(Adapter adapter)
        {
            Layout = adapter.Layout;
            _numbers = new float[Layout.Length];
            adapter.CopyOut(_numbers);
        }

        public AdapterLayout Layout { get; }

        public int RankOf(string module) => Layout.Modules.FirstOrDefault(other => other.Module == module)?.Rank ?? 0;

        public LowRank? Of(string module)
        {
            if (Layout.Modules.FirstOrDefault(other => other.Module == module) is not { } found)
            {
                return null;
            }

            var (a, b, scale) = Layout.Read(_numbers, found);
            return new LowRank(a, b, found.Rank, scale, Magnitude: null, IsLookup: false);
        }
    }
}
