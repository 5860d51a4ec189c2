using Rlhf.Cli;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Tests.Cli;

/// <summary><c>rlhf merge</c>, and commands with an adapter.</summary>
public sealed class MergeCommandTests : IDisposable
{
    private readonly TestFolder _folder = new();

    private static string Adapter => ReferenceFiles.PathOf("adapters", "b-rslora-qv");

    private static string Base => ReferenceFiles.PathOf("llama-tiny");

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void The_merged_model_is_written_whole_with_the_number_type_that_is_asked_for_and_its_rounding_is_named()
    {
        var (code, output, error) = TinyModels.Run("merge", Adapter, "--out", _folder.PathOf("whole"), "--quiet");
        Assert.Equal((ExitCode.Success, _folder.PathOf("whole")), (code, output.Trim()));
        Assert.Contains("rounding is 0 % of what the adapter changes", error, StringComparison.Ordinal);

        (code, _, error) = TinyModels.Run("merge", Adapter, "--model", Base, "--dtype", "bf16", "--out", _folder.PathOf("half"), "--quiet");
        Assert.Equal(ExitCode.Success, code);
        Assert.Matches(@"rounding is \d+\.\d+ % of", error);
        using var half = SafetensorsFile.Open(_folder.PathOf("half", "model.safetensors"));
        Assert.All(half.Tensors.Values, tensor => Assert.Equal(TensorType.BF16, tensor.Type));
        Assert.False(Checkpoint.Open(_folder.PathOf("half")).IsAdapted);
    }

    [Fact]
    public void Tokenizer_files_of_the_adapters_own_folder_come_before_those_of_its_base()
    {
        var (model, adapter) = (_folder.CopyOf(Base), _folder.PathOf("adapter"));
        Directory.CreateDirectory(adapter);
        foreach (var file in Directory.GetFiles(Adapter, "adapter_*"))
        {
            File.Copy(file, Path.Combine(adapter, Path.GetFileName(file)));
        }

        File.WriteAllText(Path.Combine(model, "chat_template.jinja"), "of the base");
        File.WriteAllText(Path.Combine(model, "special_tokens_map.json"), "{}");
        File.WriteAllText(Path.Combine(adapter, "chat_template.jinja"), "of the adapter");

        Assert.Equal(ExitCode.Success, TinyModels.Run("merge", adapter, "--model", model, "--out", _folder.PathOf("whole"), "--quiet").Code);
        Assert.Equal("of the adapter", File.ReadAllText(_folder.PathOf("whole", "chat_template.jinja")));
        Assert.Equal("{}", File.ReadAllText(_folder.PathOf("whole", "special_tokens_map.json")));
    }

    [Fact]
    public void A_whole_model_is_no_adapter()
    {
        var (code, _, error) = TinyModels.Run("merge", Base, "--out", _folder.PathOf("whole"));
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("this is a whole model; an adapter is needed here", error, StringComparison.Ordinal);
        (code, _, error) = TinyModels.Run("merge", Base, "--model", Base, "--out", _folder.PathOf("whole"));
        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains("adapter_config.json", error, StringComparison.Ordinal);
    }

    [Fact]
    public void Scores_are_those_of_the_model_with_the_adapter()
    {
        File.WriteAllText(_folder.PathOf("rows.jsonl"), """{"ids": [5, 9, 40, 7], "prompt_length": 2}""" + "\n");
        string Score(params string[] model) =>
            TinyModels.Run(["score", "--data", _folder.PathOf("rows.jsonl"), "--json", "--quiet", "--no-eos", .. model]) is (ExitCode.Success, var output, _)
                ? output
                : throw new InvalidOperationException("score failed");
        var (bare, own, put) = (Score("--model", Base), Score("--model", Adapter), Score("--model", Base, "--adapter", Adapter));
        Assert.Equal(own, put);
        Assert.NotEqual(bare, own);
    }
}
