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
    private static readonly AdapterOptions Other = new() { Rank = 3 };

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
    [InlineData("e-dora", "DoRA's magnitudes")]
    [InlineData("g-embeddings", "embedding")]
    [InlineData("i-bias-lora-only", "biases")]
    [InlineData("k-full-head", "whole tensors")]
    public void The_reason_is_what_the_adapter_has(string name, string reason) =>
        Assert.Contains(reason, Open(name).WhyNotApart ?? "", StringComparison.Ordinal);

    [Fact]
    public void An_adapter_of_the_shape_that_is_asked_for_is_trained_on_without_a_word()
    {
        var own = Open("a-all-linear").Apart!;
        var module = own.Modules[0];
        Assert.Empty(NotesOf("a-all-linear", new AdapterOptions { Rank = module.Rank, Alpha = module.Scale * module.Rank }));
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
