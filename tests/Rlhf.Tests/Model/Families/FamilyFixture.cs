using System.Text.Json;
using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Tests.Model.Families;

/// <summary>A theory over the reference models of all families, in both forms of their configuration; skipped where they are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class FamilyTheoryAttribute : TheoryAttribute
{
    public FamilyTheoryAttribute()
    {
        if (FamilyFixture.Folders.Length == 0)
        {
            Skip = $"{FamilyFixture.Root} is absent";
        }
    }
}

/// <summary>A reference model of a family with its fixture.</summary>
internal sealed class FamilyFixture : IDisposable
{
    public const string Newer = "config.json", Older = "config.legacy.json";

    private readonly TestFolder _folder = new();

    private FamilyFixture(string name, string form, bool trainable, HeadKind kind, int threads, InstructionSet? set)
    {
        Source = Path.Combine(Root, name);
        foreach (var (from, to) in ((string, string)[])[(form, Newer), ("model.safetensors", "model.safetensors")])
        {
            File.Copy(Path.Combine(Source, from), _folder.PathOf(to));
        }

        Device = CpuDevice.Create(threads, set);
        Decoder = Checkpoint.Open(_folder.Path).Load(Device, kind, trainable);
        Tensors = SafetensorsFile.Open(Path.Combine(Source, "fixture.safetensors"));
        Json = JsonDocument.Parse(File.ReadAllText(Path.Combine(Source, "fixture.json"))).RootElement;
    }

    /// <summary>The folder of the families: of <c>RLHF_REFERENCE</c> where it has one, else beside the repository.</summary>
    public static string Root { get; } = Directory.Exists(ReferenceFiles.PathOf("families"))
        ? ReferenceFiles.PathOf("families")
        : ReferenceFiles.DataPathOf("..", "reference", "families");

    public static string[] Folders { get; } = !Directory.Exists(Root) ? [] :
    [
        .. Directory.EnumerateDirectories(Root).Where(folder => File.Exists(Path.Combine(folder, "fixture.json")))
            .Select(folder => Path.GetFileName(folder)!).Order(),
    ];

    /// <summary>Every model with each form of its configuration.</summary>
    public static TheoryData<string, string> Forms()
    {
        var data = new TheoryData<string, string>();
        foreach (var folder in Folders)
        {
            data.Add(folder, Newer);
            data.Add(folder, Older);
        }

        return data;
    }

    /// <summary>Every model.</summary>
    public static TheoryData<string> Models => [.. Folders];

    public string Source { get; }

    public string Folder => _folder.Path;

    public IDevice Device { get; }

    public Decoder Decoder { get; }

    public SafetensorsFile Tensors { get; }

    public JsonElement Json { get; }

    public int[] Lengths => Ints(Json.GetProperty("lengths"));

    public int[] PromptLengths => Ints(Json.GetProperty("prompt_lengths"));

    public int[][] Sequences => [.. Json.GetProperty("input_ids").EnumerateArray().Select((row, i) => Ints(row)[..Lengths[i]])];

    public int Columns => Json.GetProperty("input_ids")[0].GetArrayLength();

    public double SftLoss => Json.GetProperty("sft_loss").GetDouble();

    public static FamilyFixture Open(
        string name, string form = Newer, bool trainable = false, HeadKind kind = HeadKind.Language, int threads = 2, InstructionSet? set = null) =>
        new(name, form, trainable, kind, threads, set);

    /// <summary>All rows of all sequences; every token but a sequence's first is a target.</summary>
    public PackedBatch Batch()
    {
        var batch = new PackedBatch();
        foreach (var sequence in Sequences)
        {
            batch.Add(sequence, 1, Device, Decoder.Shape);
        }

        return batch;
    }

    /// <summary>The prompts and continuations of a list of greedy texts, or of the one; empty where the fixture has none.</summary>
    public IEnumerable<(int[] Prompt, int[] Continuation)> Greedy(string list)
    {
        JsonElement[] items = !Json.TryGetProperty(list, out var found) ? []
            : found.ValueKind == JsonValueKind.Array ? [.. found.EnumerateArray()] : [found];
        return items.Select(item => (Ints(item.GetProperty("prompt")), Ints(item.GetProperty("continuation"))));
    }

    /// <summary>A tensor of the flat buffer in the order of the file.</summary>
    public float[] InFileOrder(FloatBuffer buffer, Parameter parameter)
    {
        var values = new float[parameter.Length];
        foreach (var (file, place, length) in parameter.Runs(0, parameter.Length))
        {
            Device.CopyOut(buffer.Slice(parameter.Offset + place, length), values.AsSpan((int)file, (int)length));
        }

        return values;
    }

    public void Dispose()
    {
        Tensors.Dispose();
        Decoder.Dispose();
        Device.Dispose();
        _folder.Dispose();
    }

    private static int[] Ints(JsonElement array) => [.. array.EnumerateArray().Select(value => value.GetInt32())];
}
