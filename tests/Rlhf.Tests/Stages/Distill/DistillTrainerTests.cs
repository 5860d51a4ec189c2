using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Objectives;
using Rlhf.Sampling;
using Rlhf.Stages.Distill;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Tests.Stages.Distill;

/// <summary>The trainer on a small student with a larger teacher of another family.</summary>
public sealed class DistillTrainerTests
{
    private const int Vocabulary = 60;
    private static readonly DecoderConfig Student = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, Vocabulary, 32, 2, 2, 96);

    // A padded vocabulary: logits 60 to 63 count for nothing.
    private static readonly DecoderConfig Teacher = DecoderConfig.FromShape(ModelFamilies.Find("gpt2")!, Vocabulary + 4, 48, 3, 4, 128);

    [Theory]
    [InlineData(0, LossAggregation.Answers)]
    [InlineData(0.5, LossAggregation.Answers)]
    [InlineData(1, LossAggregation.Answers)]
    [InlineData(1, LossAggregation.Tokens)]
    public void A_step_lowers_its_own_loss(double beta, LossAggregation aggregation)
    {
        var options = Options() with { Beta = beta, Aggregation = aggregation, LearningRate = 1e-5, Steps = 2, MaxGradientNorm = null, WarmUpFraction = 0 };
        using var world = new World(options);
        var rows = world.Rows(12);
        var first = world.Trainer.Learn(rows, 1);
        var second = world.Trainer.Learn(rows, 2);

        Assert.True(first.Loss > 0.001);
        Assert.True(second.Loss < first.Loss, $"{first.Loss} to {second.Loss}");
        Assert.True(first.GradientNorm > 0);
    }

    [Theory]
    [InlineData(0)]
    [InlineData(0.3)]
    [InlineData(1)]
    public void Gradients_of_all_parameters_are_slopes_of_the_loss(double beta)
    {
        using var world = new World(Options() with { Beta = beta });
        var rows = world.Rows(4);
        using var teacher = new TeacherPass(world.TeacherModel);
        using var pass = new TrainingPass(world.StudentModel, new AdamOptions(), null, "student");
        var settings = new DivergenceSettings(beta, 1.25);
        var weights = Enumerable.Repeat(1 / 10f, rows.Sum(row => row.TrainedTokens)).ToArray();

        double Loss(bool withGradients)
        {
            var hidden = teacher.Read(rows);
            pass.Begin();
            TeacherPass.AddTo(pass.Batch, rows, world.StudentModel);
            pass.Forward();
            var found = new float[pass.Batch.TargetCount];
            pass.Distill(world.TeacherModel, hidden, settings, withGradients ? weights : [], found);
            return found.Zip(weights, (one, weight) => one * (double)weight).Sum();
        }

        Loss(withGradients: true);
        var device = world.StudentModel.Device;
        var gradient = new float[pass.Optimizer.Gradients.Length];
        device.CopyOut(pass.Optimizer.Gradients, gradient);
        var start = new float[world.StudentModel.Parameters.Length];
        device.CopyOut(world.StudentModel.Parameters, start);
        var length = Math.Sqrt(gradient.Sum(slope => (double)slope * slope));

        double At(double step)
        {
            device.CopyIn([.. start.Zip(gradient, (number, slope) => (float)(number + (step * slope / length)))], world.StudentModel.Parameters);
            world.StudentModel.Refresh();
            return Loss(withGradients: false);
        }

        const double step = 3e-3;
        Assert.Equal(length, (At(step) - At(-step)) / (2 * step), 0.01 * length);
    }

    [Fact]
    public void A_student_that_is_its_teacher_has_nothing_to_learn()
    {
        foreach (var beta in (double[])[0, 0.5, 1])
        {
            using var world = new World(Options() with { Beta = beta }, sameModel: true);
            var (loss, _, norm) = world.Trainer.Learn(world.Rows(5), 1);
            Assert.Equal(0, loss, 1e-6);
            Assert.Equal(0, norm, 1e-4);
        }
    }

    [Fact]
    public void A_step_does_not_depend_on_how_memory_splits_its_batch_or_on_threads()
    {
        var (one, two, three) = (Train(Options(), 2), Train(Options() with { MicroBatchTokens = 60 }, 2), Train(Options(), 1));
        Assert.Equal(one[0]["loss"], two[0]["loss"], 1e-9);
        Assert.Equal(one.Select(row => row["gradient_norm"]), three.Select(row => row["gradient_norm"]));
        for (var step = 0; step < one.Count; step++)
        {
            Assert.Equal(one[step]["gradient_norm"], two[step]["gradient_norm"], 1e-3 * one[step]["gradient_norm"]);
        }
    }

    [Fact]
    public void A_student_comes_nearer_to_its_teacher_on_its_own_answers()
    {
        var rows = Train(Options() with { Steps = 40, LearningRate = 2e-3 }, 2);
        Assert.True(rows[^1]["divergence"] < 0.8 * rows[0]["divergence"], $"{rows[0]["divergence"]} to {rows[^1]["divergence"]}");
        Assert.All(rows, row => Assert.Equal(1, row["own_answers"]));
    }

    [Theory]
    [InlineData(0, 0, 0)]
    [InlineData(0.5, 10, 30)]
    public void Steps_that_are_not_the_students_own_show_demonstrations(double share, int least, int most)
    {
        var own = Train(Options() with { Steps = 40, OnPolicyShare = share }, 2).Count(row => row["own_answers"] == 1);
        Assert.InRange(own, least, most);
    }

    [Fact]
    public void The_kl_to_the_teacher_is_that_of_whole_distributions()
    {
        using var world = new World(Options());
        Completion[] answers = [.. world.Rows(6).Select(row => new Completion(
            row.Tokens[..row.PromptLength], row.Tokens[row.PromptLength..], new float[row.ResponseLength], Finished: true))];
        var together = world.Trainer.TeacherKl(answers);
        Assert.All(together, kl => Assert.True(kl > 0));
        Assert.Equal(together[4], world.Trainer.TeacherKl([answers[4]])[0]);
    }

    private static DistillOptions Options() => new() { Batch = 5, Steps = 4, MaxNewTokens = 8, LearningRate = 1e-3, Schedule = ScheduleShape.Constant };

    private static List<Dictionary<string, double>> Train(DistillOptions options, int threads)
    {
        using var world = new World(options, threads: threads);
        world.Trainer.Run();
        return world.Host.Rows;
    }

    /// <summary>A student, its teacher and what they read.</summary>
    private sealed class World : IDisposable
    {
        private readonly IDevice _device;
        private readonly Arena _arena;

        public World(DistillOptions options, bool sameModel = false, int threads = 2)
        {
            _device = CpuDevice.Create(threads);
            _arena = new Arena(_device);
            StudentModel = FreshDecoder.Create(_device, Student, HeadKind.Language, trainable: true);
            TeacherModel = FreshDecoder.Create(_device, sameModel ? Student : Teacher, HeadKind.Language, trainable: false);
            if (!sameModel)
            {
                _device.Scale(TeacherModel.Parameters, 3); // fresh models are all alike: near to uniform
                TeacherModel.Refresh();
            }

            TeacherModel.Freeze();
            Trainer = new DistillTrainer(
                options, StudentModel, TeacherModel, [.. Rows(7).Select(row => row.Tokens[..row.PromptLength])], [3],
                options.OnPolicyShare < 1 ? Rows(9) : [], seed: 11, Host, _arena);
        }

        public Decoder StudentModel { get; }

        public Decoder TeacherModel { get; }

        public DistillTrainer Trainer { get; }

        public RecordingHost Host { get; } = new();

        public EncodedSequence[] Rows(int count)
        {
            var random = new Random(count);
            int[] Tokens() => [.. Enumerable.Range(0, random.Next(3, 20)).Select(_ => random.Next(Vocabulary))];
            return [.. Enumerable.Range(0, count).Select(_ =>
            {
                var (prompt, response) = (Tokens(), Tokens());
                return new EncodedSequence([.. prompt, .. response], prompt.Length, null, "", false);
            })];
        }

        public void Dispose()
        {
            Trainer.Dispose();
            StudentModel.Dispose();
            TeacherModel.Dispose();
            _arena.Dispose();
            _device.Dispose();
        }
    }
}
