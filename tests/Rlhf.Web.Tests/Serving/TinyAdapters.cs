using System.Text.Json;
using Rlhf.Compute.Cpu;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text.Templates;
using Rlhf.Training;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Folders of adapters on a <see cref="TinyServer"/>'s models.</summary>
internal static class TinyAdapters
{
    /// <summary>LoRA with numbers of its own, beside which the base's tokenizer and format stand.</summary>
    /// <param name="parent">Where the folder is made.</param>
    /// <param name="name">The folder's name.</param>
    /// <param name="basePath">The model that it is of.</param>
    /// <param name="seed">Of the numbers.</param>
    /// <param name="prompt">The form of its prompts; null for the base's.</param>
    /// <param name="isReward">Whether it is a reward model's.</param>
    public static string Save(string parent, string name, string basePath, ulong seed, string? prompt = null, bool isReward = false)
    {
        using var device = CpuDevice.Create(1);
        var files = Checkpoint.Open(basePath);
        using var frozen = files.Load(device, HeadKind.Language);
        var options = new AdapterOptions { Rank = 2, Alpha = 6 };
        using var decoder = new Decoder(
            frozen, options.LayoutFor(frozen.Config), isReward ? HeadKind.Language | HeadKind.Scalar : HeadKind.Language, trainable: false);
        var numbers = new float[decoder.Adapter!.Layout.Length];
        Philox.Normal(numbers, seed, 1, 0.3f);
        device.CopyIn(numbers, decoder.Parameters.Slice(0, numbers.Length));
        var path = Path.Combine(parent, name);
        Checkpoint.SaveAdapter(decoder, path, files.Source, isReward, new AdapterSettings(basePath, options.Alpha, 0, [], IsRankStabilised: false));
        if (prompt is not null)
        {
            File.WriteAllBytes(
                Path.Combine(path, FormatFile.Name), FormatFile.Write(new FormatOptions { Template = FormatTemplate.Custom, Prompt = prompt, Response = " {response}" }));
        }

        return path;
    }

    /// <summary>An adapter of the embedding, which cannot stand beside the weights.</summary>
    public static string SaveOnEmbedding(string parent, string name, string basePath)
    {
        var path = Path.Combine(parent, name);
        Directory.CreateDirectory(path);
        var config = Checkpoint.Open(basePath).Config;
        File.WriteAllText(
            Path.Combine(path, "adapter_config.json"),
            JsonSerializer.Serialize(new { peft_type = "LORA", r = 1, lora_alpha = 1, target_modules = new[] { "embed_tokens" }, base_model_name_or_path = basePath }));
        var numbers = new float[config.VocabularySize + config.Width];
        Philox.Normal(numbers, 9, 1, 0.3f);
        var cut = sizeof(float) * config.VocabularySize;
        const string Module = "base_model.model.model.embed_tokens.lora_embedding_";
        var header = System.Text.Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new Dictionary<string, object>
        {
            [Module + "A"] = new { dtype = "F32", shape = new[] { 1, config.VocabularySize }, data_offsets = new[] { 0, cut } },
            [Module + "B"] = new { dtype = "F32", shape = new[] { config.Width, 1 }, data_offsets = new[] { cut, sizeof(float) * numbers.Length } },
        }));
        using var file = new BinaryWriter(File.Create(Path.Combine(path, "adapter_model.safetensors")));
        file.Write((long)header.Length);
        file.Write(header);
        foreach (var number in numbers)
        {
            file.Write(number);
        }

        return path;
    }
}
