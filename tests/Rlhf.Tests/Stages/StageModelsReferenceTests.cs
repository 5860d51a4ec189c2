using System.Text.Json.Nodes;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Stages;
using Rlhf.Training;

namespace Rlhf.Tests.Stages;

/// <summary>What a person is told of an adapter that a stage begins with: whether it is trained on, and why not.</summary>
public sealed class StageModelsReferenceTests
{
    private static readonly AdapterOptions Other = new() { Rank = 3, Alpha = 0.377 }; // nobody's

    public static TheoryData<string> Adapters() =>
    [
        .. Directory.GetDirectories(ReferenceFiles.PathOf("adapters")).Where(path => File.Exists(Path.Combine(path, "adapter_config.json")))
            .Select(path => Path.GetFileName(path)!).Order(StringComparer.Ordinal),
    ];

    [Theory]
    [MemberData(nameof(Adapters))]
    public void An_adapter_that_is_not_trained_on_is_told_with_the_reason(string name)
    {
        var (start, notes) = (Open(name), NotesOf(name, Other));

        var note = Assert.Single(notes);
        Assert.StartsWith($"the adapter {start.Name} is not trained on", note, StringComparison.Ordinal);
        Assert.Contains(start.WhyNotApart ?? "another rank or other layers", note, StringComparison.Ordinal);
        Assert.Equal(start.StandsApart, start.WhyNotApart is null);
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void Without_adapter_in_the_recipe_it_is_said_that_all_weights_are_trained(string name) =>
        Assert.Contains("put into the weights, all of which are trained", Assert.Single(NotesOf(name, null)), StringComparison.Ordinal);

    [Theory]
    [MemberData(nameof(Adapters))]
    public void The_reason_is_what_the_adapter_has(string name)
    {
        var config = JsonNode.Parse(File.ReadAllText(ReferenceFiles.PathOf("adapters", name, "adapter_config.json")))!;
        using var file = SafetensorsFile.Open(ReferenceFiles.PathOf("adapters", name, "adapter_model.safetensors"));
        bool Has(string part) => file.Tensors.Keys.Any(tensor => tensor.Contains(part, StringComparison.Ordinal));
        var isDora = config["use_dora"]?.GetValue<bool>() == true;
        var isApart = !isDora && !Has(".bias") && !Has("lora_embedding") && !Has("lm_head") && !Has("wte") && !Has("embed_tokens");

        Assert.Equal(isApart, Open(name).WhyNotApart is null);
        Assert.Contains(isDora ? "DoRA" : Has(".bias") ? "biases" : "", Open(name).WhyNotApart ?? "", StringComparison.Ordinal);
    }

    [Theory]
    [MemberData(nameof(Adapters))]
    public void An_adapter_of_the_shape_that_is_asked_for_is_trained_on_without_a_word(string name)
    {
        if (Open(name).Apart is not { } own || own.Modules.DistinctBy(static one => (one.Rank, one.Scale)).Count() > 1)
        {
            return; // no options ask for its shape
        }

        var module = own.Modules[0];
        string[] targets = [.. own.Modules.Select(one => one.Module)];
        Assert.Empty(NotesOf(name, new AdapterOptions { Rank = module.Rank, Alpha = module.Scale * module.Rank, Targets = targets }));
    }

    private static Checkpoint Open(string name) => Checkpoint.Open(ReferenceFiles.PathOf("adapters", name));

    private static List<string> NotesOf(string name, AdapterOptions? adapter)
    {
        var (start, notes) = (Open(name), new List<string>());
        using var device = CpuDevice.Create(threads: 1);
        using var models = new StageModels(device, WeightStorage.F32, notes.Add);
        using var decoder = models.Trainable(start, start.HasLanguageHead ? HeadKind.Language : HeadKind.Scalar, adapter, seed: 1);
        return notes;
    }
}
