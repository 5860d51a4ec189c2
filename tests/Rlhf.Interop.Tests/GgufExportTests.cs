using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;
using Rlhf.Model.Families;
using Rlhf.Sampling;

using Rlhf.Tests;

namespace Rlhf.Interop.Tests;

/// <summary>What is written here is what llama.cpp reads.</summary>
public sealed class GgufExportTests : IDisposable
{
    private const string SmolLm2 = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

    // llama.cpp rounds activations to halves, which moves logits by some hundredths.
    private const double SafeGap = 0.05;

    private readonly DirectoryInfo _folder = Directory.CreateTempSubdirectory("rlhf-interop-");

    public void Dispose() => _folder.Delete(recursive: true);

    [LlamaFact]
    public void Small_models_of_every_family_have_the_references_greedy_tokens()
    {
        foreach (var name in (string[])["gpt2-tiny", "llama-tiny", "qwen2-tiny", "qwen3-tiny"])
        {
            using var model = new LlamaModel(Exported(ReferenceFiles.PathOf(name), GgufTensorType.F32));
            var rows = JsonDocument.Parse(File.ReadAllBytes(ReferenceFiles.PathOf(name, "fixture.json"))).RootElement.GetProperty("greedy");
            foreach (var row in rows.EnumerateArray())
            {
                int[] wanted = Ids(row.GetProperty("continuation"));
                Assert.Equal(wanted, model.Greedy(Ids(row.GetProperty("prompt")), [], wanted.Length));
            }
        }
    }

    [LlamaFact]
    public void Gemma_models_have_the_same_greedy_tokens()
    {
        foreach (var family in (string[])["gemma2", "gemma3_text"])
        {
            var path = Exported(FreshGemma(family), GgufTensorType.F32);
            using var device = CpuDevice.Create(1);
            using var decoder = Checkpoint.Open(path).Load(device, HeadKind.Language);
            using var generator = new Generator(decoder);
            using var theirs = new LlamaModel(path);
            var settings = new GenerationSettings { Sampling = new SamplingOptions { Temperature = 0 }, MaxNewTokens = 16, EndIds = [], Seed = 0 };
            foreach (var prompt in (int[][])[[1, 7, 3], [50, 4, 4, 9, 30, 2, 61, 8, 8, 14, 33]])
            {
                Assert.Equal(generator.Generate([prompt], settings)[0].Response, theirs.Greedy(prompt, [], 16));
            }
        }
    }

    [LlamaFact(SmolLm2)]
    public void Greedy_answers_of_a_model_in_half_precision_are_the_same_text()
    {
        var path = Exported(ReferenceFiles.DataPathOf(SmolLm2.Split('/')), GgufTensorType.F16);
        var ours = Checkpoint.Open(path);
        using var device = CpuDevice.Create(Environment.ProcessorCount);
        using var decoder = ours.Load(device, HeadKind.Language);
        using var generator = new Generator(decoder);
        using var theirs = new LlamaModel(path);
        var answers = JsonDocument.Parse(File.ReadAllBytes(ReferenceFiles.DataPathOf("smollm2", "expected.json"))).RootElement.GetProperty("greedy");
        foreach (var expected in answers.EnumerateArray().Where(answer => answer.GetProperty("smallest_gap").GetDouble() >= SafeGap))
        {
            var prompt = ours.Tokenizer.ChatTemplate!.Render([new Message("user", expected.GetProperty("prompt").GetString()!)], addGenerationPrompt: true);
            var ids = ours.Tokenizer.Encode(prompt);
            Assert.Equal(ids, theirs.Encode(prompt));
            var settings = new GenerationSettings
            {
                Sampling = new SamplingOptions { Temperature = 0 },
                MaxNewTokens = 32,
                EndIds = ours.Tokenizer.EndOfSequenceIds,
                Seed = 0,
            };
            var answer = generator.Generate([ids], settings)[0].Response;
            Assert.Equal(expected.GetProperty("text").GetString(), ours.Tokenizer.Decode(answer));
            Assert.Equal(expected.GetProperty("text").GetString(), ours.Tokenizer.Decode(theirs.Greedy(ids, ours.Tokenizer.EndOfSequenceIds, 32)));
        }
    }

    // Random weights, seven blocks: with and without a window, which the texts are longer than.
    private string FreshGemma(string family)
    {
        var config = DecoderConfig.FromShape(ModelFamilies.Find(family)!, 96, 64, 7, 4, 64, keyValueHeads: 2, headWidth: 32, rotaryBase: 10_000)
            with
        { Window = 5, BosTokenId = 2, EosTokenIds = [1] };
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        DecoderInitialization.Fill(layout, parameters, 1);
        foreach (var parameter in layout.Parameters)
        {
            for (var i = parameter.Offset; i < parameter.Offset + parameter.Length; i++)
            {
                parameters[i] = parameter.Decays ? parameters[i] * 8 : (i % 7 - 3) * 0.05f;
            }
        }

        var folder = Path.Combine(_folder.FullName, family);
        HuggingFaceWriter.Save(folder, config, parameters, new SaveOptions());
        return folder;
    }

    private string Exported(string model, GgufTensorType type)
    {
        var path = Path.Combine(_folder.FullName, $"{Path.GetFileNameWithoutExtension(model)}.gguf");
        Checkpoint.Open(model).ExportGguf(path, type, _ => { });
        return path;
    }

    private static int[] Ids(JsonElement list) => [.. list.EnumerateArray().Select(id => id.GetInt32())];
}
