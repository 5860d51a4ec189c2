using System.Text.Json;
using Rlhf.Batching;
using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Xunit.Abstractions;
using LanguageHead = Rlhf.Model.LanguageHead;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>What each storage takes: loss and KL per token beside float32. The tables of docs/models.md are what this prints.</summary>
public sealed class StorageLossTests(ITestOutputHelper output)
{
    private const string FileName = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";
    private const int Texts = 3; // of the references': seconds, not minutes
    private static readonly string[] Parts = FileName.Split('/');

    [DataFact(FileName)]
    public void Storages_lose_little_and_the_files_own_blocks_nothing()
    {
        using var device = CpuDevice.Create(Environment.ProcessorCount);
        var texts = JsonDocument.Parse(File.ReadAllBytes(ReferenceFiles.DataPathOf("smollm2", "expected.json"))).RootElement.GetProperty("logprobs")
            .EnumerateArray().Take(All ? int.MaxValue : Texts).Select(row => GgufReferences.Ids(row.GetProperty("ids"))).ToArray();
        var exact = Load(device, WeightStorage.F32, asInFile: true);
        try
        {
            var found = new Dictionary<string, (double Loss, double Kl)>(StringComparer.Ordinal);
            foreach (var (name, storage, asInFile) in ((string, WeightStorage, bool)[])
                [
                    ("bf16", WeightStorage.Bf16, true), ("int8, rounded", WeightStorage.Int8, false), ("q4, rounded", WeightStorage.Q4, false),
                    ("q4, the file's blocks", WeightStorage.Q4, true),
                ])
            {
                using var narrow = Load(device, storage, asInFile);
                found[name] = Compare(exact, narrow, texts);
                output.WriteLine(FormattableString.Invariant($"| {name} | {found[name].Loss:+0.00000;-0.00000;0} | {found[name].Kl:0.000000} |"));
            }

            Assert.Equal((0, 0), found["q4, the file's blocks"]);
            Assert.InRange(found["bf16"].Kl, 1e-9, 1e-3);
            Assert.InRange(found["int8, rounded"].Kl, 1e-9, 2e-3);
            Assert.InRange(found["q4, rounded"].Kl, 0, 0.2);
        }
        finally
        {
            exact.Dispose();
        }
    }

    /// <summary>A model whose weights were never rounded, on five stories.</summary>
    [DataFact("stories260k/model.safetensors")]
    public void Fresh_weights_lose_more_in_fewer_bits()
    {
        using var device = CpuDevice.Create(Environment.ProcessorCount);
        var model = Checkpoint.Open(ReferenceFiles.DataPathOf("stories260k"));
        int[][] texts = [.. Stories.Select(story => model.Tokenizer.Encode(story, addSpecialTokens: true))];
        using var exact = model.Load(device, HeadKind.Language);
        var kls = new List<double>();
        foreach (var storage in (WeightStorage[])[WeightStorage.Bf16, WeightStorage.Int8, WeightStorage.Q4])
        {
            using var narrow = model.Load(device, HeadKind.Language, storage: storage);
            var (loss, kl) = Compare(exact, narrow, texts);
            output.WriteLine(FormattableString.Invariant($"| {storage} | {loss:+0.00000;-0.00000;0} | {kl:0.000000} |"));
            kls.Add(kl);
        }

        Assert.InRange(kls[0], 1e-9, 1e-3);
        Assert.InRange(kls[1], kls[0], 1e-2);
        Assert.InRange(kls[2], kls[1], 0.5);
    }

    private static string[] Stories =>
    [
        "Once upon a time, there was a little girl named Lily. She loved to play outside in the sun. One day, she saw a big, red ball in the park.",
        "Tom had a small dog. The dog liked to run and jump. One day the dog ran away and Tom was very sad. He looked for the dog all day.",
        "There was a bird who could not fly. All of her friends could fly high in the sky. She wanted to fly, too. Her mom said, \"You must try.\"",
        "One day, a boy named Tim went to the park with his mom. They saw a big tree. Tim wanted to climb the tree, but his mom said it was not safe.",
        "Once there was a cat and a mouse. They were good friends and liked to play. The cat had a hat and the mouse had a toy car.",
    ];

    private static bool All => Environment.GetEnvironmentVariable("RLHF_ALL_TEXTS") == "1";

    private static Decoder Load(IDevice device, WeightStorage storage, bool asInFile)
    {
        var path = ReferenceFiles.DataPathOf(Parts);
        if (asInFile)
        {
            return Checkpoint.Open(path).Load(device, HeadKind.Language, storage: storage);
        }

        using var file = GgufModel.Open(path);
        var decoder = new Decoder(device, file.Config, HeadKind.Language, trainable: false, storage, isFrozen: true);
        decoder.Load((range, destination) =>
            file.Read(range, (offset, values) => device.CopyIn(values, destination.Slice(offset - range.Offset, values.Length))));
        return decoder;
    }

    // The loss's rise and KL(float32 || stored), nats a token.
    private static (double Loss, double Kl) Compare(Decoder exact, Decoder narrow, int[][] texts)
    {
        var (rise, divergence, count) = (0.0, 0.0, 0);
        foreach (var text in texts)
        {
            var (p, q) = (Logarithms(exact, text), Logarithms(narrow, text));
            for (var t = 0; t < p.Length; t++)
            {
                rise += p[t][text[t + 1]] - q[t][text[t + 1]];
                divergence += p[t].Zip(q[t], static (a, b) => Math.Exp(a) * (a - b)).Sum();
                count++;
            }
        }

        return (rise / count, divergence / count);
    }

    private static double[][] Logarithms(Decoder decoder, int[] text)
    {
        using var arena = new Arena(decoder.Device);
        var batch = new PackedBatch();
        batch.Add(text, 1, decoder.Device, decoder.Shape);
        var head = new LanguageHead(decoder, arena);
        var logits = head.Logits(new DecoderPass(decoder, arena).Forward(batch, Keep.Nothing), batch);
        var width = decoder.Config.VocabularySize;
        var numbers = new float[(text.Length - 1) * width];
        decoder.Device.CopyOut(logits.Slice(0, numbers.Length), numbers);
        return [.. numbers.Chunk(width).Select(row =>
        {
            var most = row.Max();
            var sum = most + Math.Log(row.Sum(logit => Math.Exp(logit - most)));
            return row.Select(logit => logit - sum).ToArray();
        })];
    }
}
