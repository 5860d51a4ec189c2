using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Tests.Compute;
using Rlhf.Training;
using LanguageHead = Rlhf.Model.LanguageHead;

namespace Rlhf.Tests.Model.Families;

/// <summary>What holds bit for bit for the reference models of all families: batches, threads, instruction sets, the sampler, memory, and folders.</summary>
public sealed class FamilyInvariantReferenceTests
{
    public static TheoryData<string> Models => FamilyFixture.Models;

    [FamilyTheory]
    [MemberData(nameof(Models))]
    public void A_rows_numbers_do_not_depend_on_the_rest_of_the_batch(string model)
    {
        using var f = FamilyFixture.Open(model);
        using var scorer = new Scorer(f.Decoder, 1000);
        int[][] rows = [.. f.Sequences, f.Sequences[0][..3], [5, 4, 3, 2, 1, 0, 1]];
        int[] ones = [.. rows.Select(_ => 1)];
        var (together, togetherEntropies) = scorer.ResponseLogProbabilities(rows, ones);
        var alone = rows.Select(row => scorer.ResponseLogProbabilities([row], [1])).ToArray();
        Assert.Equal(together, alone.SelectMany(part => part.LogProbabilities));
        Assert.Equal(togetherEntropies, alone.SelectMany(part => part.Entropies));
    }

    [FamilyTheory]
    [MemberData(nameof(Models))]
    public void Threads_sets_and_activations_computed_again_do_not_show_in_trained_bits(string model)
    {
        float[] Trained(int threads, bool recompute, InstructionSet set)
        {
            using var f = FamilyFixture.Open(model, trainable: true, threads: threads, set: set);
            using var pass = new TrainingPass(f.Decoder, new AdamOptions(), 1, "policy", recompute);
            for (var step = 0; step < 2; step++)
            {
                FamilyReferenceTests.SftGradients(f, pass, new TrainingNoise(new Dropout(0.1f, 5, (ulong)step, 0), 5));
                pass.Optimizer.Step(1e-3);
            }

            return Read(f.Device, f.Decoder.Parameters);
        }

        var one = Trained(1, recompute: false, CpuDevice.Available[0]);
        Assert.Equal(one, Trained(2, recompute: true, CpuDevice.Available[0]));

        // A set without fused multiply-add rounds more often.
        var others = CpuDevice.Available.Skip(1).Where(set => set is InstructionSet.Avx2 or InstructionSet.Scalar && DeviceBench.IsFused(set));
        foreach (var set in DeviceBench.IsFused(CpuDevice.Available[0]) ? others : [])
        {
            Assert.Equal(one, Trained(3, recompute: false, set));
        }
    }

    [FamilyTheory]
    [MemberData(nameof(Models))]
    public void The_samplers_log_probabilities_are_those_of_the_row_run_anew_at_each_step(string model)
    {
        using var f = FamilyFixture.Open(model, trainable: true);
        using var generator = new Generator(f.Decoder);
        using var scorer = new Scorer(f.Decoder, 64);
        int[][] prompts = [.. f.Sequences.Concat(f.Sequences).Select(tokens => tokens[..Math.Min(11, tokens.Length)])];
        foreach (var (live, budget) in new[] { (1, 2048), (3, 5), (64, 2048) })
        {
            var settings = new GenerationSettings
            {
                Sampling = new SamplingOptions { Temperature = 0.8 },
                MaxNewTokens = 14,
                EndIds = [3, 17],
                Seed = 7,
                LiveSequences = live,
                RowBudget = budget,
            };
            foreach (var answer in generator.Generate(prompts, settings))
            {
                Assert.Equal(RunAnew(f, answer, 0.8), answer.LogProbabilities);
                if (f.Decoder.Config.RotaryScaling?.DependsOnLength != true)
                {
                    Assert.Equal(scorer.ResponseLogProbabilities([answer.Tokens], [answer.Prompt.Length], 0.8).LogProbabilities, answer.LogProbabilities);
                }
            }
        }
    }

    [FamilyTheory]
    [MemberData(nameof(Models))]
    public void Answers_that_share_their_prompts_rows_have_the_bits_of_answers_alone(string model)
    {
        using var f = FamilyFixture.Open(model);
        using var scorer = new Scorer(f.Decoder, 1000);
        var prompt = f.Sequences[0][..Math.Min(9, f.Sequences[0].Length)];
        var most = f.Decoder.Config.ContextLength - prompt.Length;
        int[][] rows = [.. new[] { 1, 4, 6, 8, 8, 20, 30 }.Where(length => length <= most)
            .Select((length, i) => prompt.Concat(Enumerable.Range(0, length).Select(t => ((7 * i) + (11 * t)) % 90)).ToArray())];
        int[] prompts = [.. rows.Select(_ => prompt.Length)];
        var (shared, _) = scorer.ResponseLogProbabilities(rows, prompts);
        var through = scorer.Rows;
        Assert.Equal(rows.SelectMany(row => scorer.ResponseLogProbabilities([row], [prompt.Length]).LogProbabilities), shared);
        Assert.True(through < rows.Sum(row => row.Length), "some prompt was shared");
    }

    [FamilyTheory]
    [MemberData(nameof(Models))]
    public void A_model_that_was_trained_a_step_is_written_and_read_again_to_the_same_bytes(string model)
    {
        foreach (var form in (string[])[FamilyFixture.Newer, FamilyFixture.Older])
        {
            using var f = FamilyFixture.Open(model, form, trainable: true, HeadKind.Language | HeadKind.Scalar);
            using (var pass = new TrainingPass(f.Decoder, new AdamOptions(), 1, "policy"))
            {
                FamilyReferenceTests.SftGradients(f, pass);
                pass.Optimizer.Step(1e-3);
            }

            using var folder = new TestFolder();
            var source = Checkpoint.Open(f.Folder).Source;
            foreach (var asReward in (bool[])[false, true])
            {
                var (first, second) = (folder.PathOf($"first-{asReward}"), folder.PathOf($"second-{asReward}"));
                Checkpoint.Save(f.Decoder, first, source, asReward);
                var kind = asReward ? HeadKind.Scalar : HeadKind.Language;
                using var again = Checkpoint.Open(first).Load(f.Device, kind, trainable: true);
                Assert.Equal(f.Decoder.Config, again.Config with { Notes = f.Decoder.Config.Notes, EosTokenIds = f.Decoder.Config.EosTokenIds });
                Checkpoint.Save(again, second, Checkpoint.Open(first).Source, asReward);
                foreach (var file in Directory.EnumerateFiles(first))
                {
                    Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(second, Path.GetFileName(file))));
                }
            }

            using var unchanged = Checkpoint.Open(f.Folder).Load(f.Device, HeadKind.Language, trainable: true);
            Checkpoint.Save(unchanged, folder.PathOf("unchanged"), source, asReward: false);
            using var before = SafetensorsFile.Open(Path.Combine(f.Folder, "model.safetensors"));
            using var after = SafetensorsFile.Open(folder.PathOf("unchanged", "model.safetensors"));
            foreach (var name in after.Tensors.Keys)
            {
                Assert.Equal(before.ReadFloats(name), after.ReadFloats(name));
            }
        }
    }

    /// <summary>log p of each token of an answer, from a pass over the row as it was when the token was drawn.</summary>
    private static float[] RunAnew(FamilyFixture f, Completion answer, double temperature)
    {
        using var arena = new Arena(f.Device);
        return [.. Enumerable.Range(answer.Prompt.Length, answer.Response.Length).Select(t =>
        {
            arena.Reset();
            var batch = new PackedBatch();
            batch.AddWithLastRow(answer.Tokens.AsSpan(0, t), f.Device, f.Decoder.Shape);
            var hidden = new DecoderPass(f.Decoder, arena).Forward(batch, Keep.Nothing);
            var logits = new LanguageHead(f.Decoder, arena).Logits(hidden, batch);
            var log = arena.Take(1);
            f.Device.LogProbabilities(new(logits, arena.Take(answer.Tokens.AsSpan(t, 1)), 1, f.Decoder.Config.VocabularySize, (float)(1 / temperature), log));
            return Read(f.Device, log)[0];
        })];
    }

    private static float[] Read(IDevice device, FloatBuffer buffer)
    {
        var values = new float[buffer.Length];
        device.CopyOut(buffer, values);
        return values;
    }
}
