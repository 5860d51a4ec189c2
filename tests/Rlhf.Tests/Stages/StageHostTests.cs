using Rlhf.Compute.Operations;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Text;
using Rlhf.Training;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

public sealed class StageHostTests : IDisposable
{
    private readonly TestFolder _temporary = new();
    private readonly Tokenizer _tokenizer = BytePairTrainer.Train(["a"], new BytePairTrainerOptions { VocabularySize = 256 });

    public void Dispose() => _temporary.Dispose();

    private void InStage(bool resume, Action<StageHost, StageContext> body)
    {
        var recipe = RecipeReader.Parse(
            "base: {model: m}\nformat: {template: plain}\ndata: {text: {path: a}}\npretrain: {keep_best: none}", "recipe.yaml", Path.GetFullPath("/recipes"));
        Assert.Throws<RunFailedException>(() => RecipeRun.Execute(recipe, new RunSettings(_temporary.PathOf("run"), resume), ProgressReporter.Silent, context =>
        {
            using var host = new StageHost(context, _tokenizer, keepCheckpoints: 2);
            body(host, context);
            throw new RunFailedException("a death");
        }, CancellationToken.None));
    }

    private static TrainerState StateOf(IDevice device, DeviceMemory memory) =>
        new(new Dictionary<string, FloatBuffer> { ["policy.parameters"] = memory.Floats }, new Dictionary<string, double>()) { Device = device };

    [Fact]
    public void A_resumed_trainer_gets_its_state_back_and_what_came_after_is_forgotten()
    {
        InStage(resume: false, (host, context) =>
        {
            using var memory = context.Device.Allocate(40);
            var state = StateOf(context.Device, memory);
            Assert.False(host.TryRestore(state));
            for (var step = 0; step <= 4; step++)
            {
                host.Log(step, ("loss", step));
                host.Sample(step, _tokenizer.Encode("q"), _tokenizer.Encode("a"), ("score", 1));
                context.Device.Fill(memory.Floats, 0.1f * step);
                state.Numbers["step"] = step;
                state.Numbers["third"] = 1.0 / 3 * step;
                if (step is 1 or 2 or 3)
                {
                    host.Save(step, state);
                }
            }
        });
        Assert.Equal(["step-000002", "step-000003"],
            Directory.GetDirectories(_temporary.PathOf("run", "stages", "01-pretrain", "checkpoints")).Select(Path.GetFileName).Order());

        InStage(resume: true, (host, context) =>
        {
            using var memory = context.Device.Allocate(40);
            var state = StateOf(context.Device, memory);
            Assert.True(host.TryRestore(state));

            var values = new float[40];
            context.Device.CopyOut(memory.Floats, values);
            Assert.All(values, value => Assert.Equal(0.1f * 3, value));
            Assert.Equal(new Dictionary<string, double> { ["step"] = 3, ["third"] = 1.0 / 3 * 3 }, state.Numbers);
            Assert.Equal([0, 1, 2, 3], MetricsFile.Read(context.Run.FullPath).Select(row => row.Step));
            Assert.Equal(4, File.ReadAllLines(Path.Combine(context.Folder, "samples.jsonl")).Length);
            Assert.True(context.SecondsBefore > 0);
        });
    }

    [Fact]
    public void A_checkpoint_that_was_cut_off_does_not_count()
    {
        InStage(resume: false, (host, context) =>
        {
            using var memory = context.Device.Allocate(16);
            var state = StateOf(context.Device, memory);
            host.Save(1, state);
            Directory.CreateDirectory(_temporary.PathOf("run", "stages", "01-pretrain", "checkpoints", "step-000002.partial"));
            Directory.CreateDirectory(_temporary.PathOf("run", "stages", "01-pretrain", "checkpoints", "step-000003"));
        });

        InStage(resume: true, (host, context) =>
        {
            using var memory = context.Device.Allocate(16);
            host.Log(2, ("loss", 1));
            Assert.True(host.TryRestore(StateOf(context.Device, memory)));
            Assert.Empty(MetricsFile.Read(context.Run.FullPath));
        });
    }

    [Fact]
    public void Without_a_checkpoint_the_stage_begins_anew()
    {
        InStage(resume: false, (host, _) =>
        {
            host.Log(0, ("loss", 1));
            host.Sample(0, _tokenizer.Encode("q"), _tokenizer.Encode("a"));
        });

        InStage(resume: true, (host, context) =>
        {
            using var memory = context.Device.Allocate(16);
            Assert.False(host.TryRestore(StateOf(context.Device, memory)));
            Assert.Empty(MetricsFile.Read(context.Run.FullPath));
            Assert.False(File.Exists(Path.Combine(context.Folder, "samples.jsonl")));
        });
    }

    [Fact]
    public void A_damaged_checkpoint_is_named()
    {
        InStage(resume: false, (host, context) =>
        {
            using var memory = context.Device.Allocate(32);
            host.Save(1, StateOf(context.Device, memory));
        });

        InStage(resume: true, (host, context) =>
        {
            using var memory = context.Device.Allocate(16);
            var message = Assert.Throws<InputException>(() => host.TryRestore(StateOf(context.Device, memory))).Message;
            Assert.Contains("step-000001", message, StringComparison.Ordinal);
        });
    }
}
