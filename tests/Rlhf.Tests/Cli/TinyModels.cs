using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Numerics;
using Rlhf.Tokenization;

namespace Rlhf.Tests.Cli;

/// <summary>Untrained models of a few thousand parameters with a tokenizer of their own, and files beside them; gone after the test.</summary>
internal sealed class TinyModels : IDisposable
{
    public const int Context = 96;
    private const int Width = 16;

    private static readonly Tokenizer Words = BytePairTrainer.Train(
        ["Name a fruit. Name a colour. An apple is red. A pear is green and sweet."],
        new BytePairTrainerOptions { VocabularySize = 290, SpecialTokens = ["<s>", "</s>"], BeginningOfSequence = "<s>", EndOfSequence = "</s>" });

    public string Path { get; } = Directory.CreateTempSubdirectory("rlhf-cli-").FullName;

    /// <summary>Runs a command line in-process.</summary>
    public static (int Code, string Output, string Error) Run(params string[] args)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        return (Program.Run(args, output, error), output.ToString(), error.ToString());
    }

    /// <summary>Runs a command that must succeed and gives its lines as JSON.</summary>
    public static JsonElement[] JsonLines(params string[] args)
    {
        var (code, output, error) = Run(args);
        Assert.True(code == ExitCode.Success, error);
        return [.. output.Split('\n', StringSplitOptions.RemoveEmptyEntries).Select(line => JsonDocument.Parse(line).RootElement)];
    }

    public static JsonElement Json(params string[] args)
    {
        var (code, output, error) = Run(args);
        Assert.True(code == ExitCode.Success, error);
        return JsonDocument.Parse(output).RootElement;
    }

    public string Write(string name, params string[] lines)
    {
        var path = System.IO.Path.Combine(Path, name);
        File.WriteAllText(path, string.Join('\n', lines));
        return path;
    }

    public string Language(string name, ulong seed = 1, bool withTokenizer = true) => Save(name, seed, null, withTokenizer);

    /// <summary>A reward model whose scores vary from answer to answer.</summary>
    public string Reward(string name, ulong seed = 1, float shift = 0)
    {
        var weight = new float[Width];
        Philox.Normal(weight, seed, 1000, 1);
        return Save(name, seed, new ScoreHead(weight, 0.25f, shift), withTokenizer: true);
    }

    /// <summary>A reference model with the scalar head of its reward fixture, which has no tokenizer.</summary>
    public string ReferenceReward(string model)
    {
        using var folder = HuggingFaceFolder.Load(ReferenceFiles.PathOf(model));
        using var tensors = SafetensorsFile.Open(ReferenceFiles.PathOf(model, "reward.safetensors"));
        var parameters = new float[folder.Layout.Length];
        folder.CopyParametersTo(parameters);
        var bias = (float)JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(model, "reward.json"))).RootElement.GetProperty("score_bias").GetDouble();
        var path = System.IO.Path.Combine(Path, model + "-reward");
        Directory.CreateDirectory(path);
        HuggingFaceWriter.Save(path, folder.Config, parameters, new SaveOptions { Source = folder.Source, Score = new ScoreHead(tensors.ReadFloats("score.weight"), bias) });
        return path;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);

    private string Save(string name, ulong seed, ScoreHead? score, bool withTokenizer)
    {
        var end = Words.EndOfSequence!.Value;
        var config = DecoderConfig.FromShape(DecoderFamily.Llama, Words.VocabularySize, Width, 2, 2, Context, bosTokenId: Words.BeginningOfSequence, eosTokenIds: [end]);
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        DecoderInitialization.Fill(layout, parameters, seed);
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(path);
        HuggingFaceWriter.Save(path, config, parameters, new SaveOptions { Score = score });
        if (withTokenizer)
        {
            Words.Save(path);
        }

        return path;
    }
}
