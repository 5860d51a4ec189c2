using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Tests.Cli;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>A model that people use, from its public GGUF file.</summary>
public sealed class SmolLm2Tests : IDisposable
{
    private const string FileName = "smollm2/SmolLM2-135M-Instruct.Q4_1.gguf";

    private readonly TestFolder _folder = new();

    private static string Model => ReferenceFiles.DataPathOf(FileName.Split('/'));

    private static JsonElement Expected => JsonDocument.Parse(File.ReadAllBytes(ReferenceFiles.DataPathOf("smollm2", "expected.json"))).RootElement;

    public void Dispose() => _folder.Dispose();

    [DataFact(FileName)]
    public void Log_probabilities_are_the_references()
    {
        var rows = Expected.GetProperty("logprobs").EnumerateArray().ToArray();
        using var device = CpuDevice.Create(Environment.ProcessorCount);
        using var decoder = Checkpoint.Open(Model).Load(device, HeadKind.Language);
        using var scorer = new Scorer(decoder, 512);
        int[][] ids = [.. rows.Select(row => GgufReferences.Ids(row.GetProperty("ids")))];
        var found = scorer.ResponseLogProbabilities(ids, [.. rows.Select(_ => 1)]).LogProbabilities;
        double[] wanted = [.. rows.SelectMany(row => GgufReferences.Numbers(row.GetProperty("logprobs")))];
        Assert.Equal(wanted.Length, found.Length);
        Assert.All(wanted.Zip(found), pair => Assert.Equal(pair.First, pair.Second, 2e-4));
    }

    [DataFact(FileName)]
    public void It_answers_word_for_word()
    {
        var answers = Expected.GetProperty("greedy").EnumerateArray().ToArray();
        var prompts = _folder.Write("prompts.jsonl", string.Join('\n', answers.Select(answer => JsonSerializer.Serialize(
            new { prompt = answer.GetProperty("prompt").GetString() }))));
        var found = TinyModels.JsonLines("generate", "--model", Model, "--prompts", prompts, "--temperature", "0", "--max-tokens", "64", "--json");
        Assert.Equal(answers.Select(answer => answer.GetProperty("text").GetString()), found.Select(answer => answer.GetProperty("response").GetString()));
        Assert.Equal(
            answers.Select(answer => string.Join(' ', GgufReferences.Ids(answer.GetProperty("ids")))),
            found.Select(answer => string.Join(' ', GgufReferences.Ids(answer.GetProperty("tokens")))));
    }
}
