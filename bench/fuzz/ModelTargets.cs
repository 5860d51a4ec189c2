using System.Text;
using System.Text.Json;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Families;

namespace Fuzz;

/// <summary>Files of model folders.</summary>
internal static class ModelTargets
{
    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("safetensors", 6, ReadTensors, () => [new FuzzCase([KeyValuePair.Create("model.safetensors", Folder()["model.safetensors"])])]),
        new("index", 3, ReadFolder, () => [Index()]),
        new("config", 4, ReadFolder, () => [new FuzzCase(Folder())]),
    ];

    private static void ReadTensors(FuzzCase input, string folder)
    {
        using var file = SafetensorsFile.Open(Path.Combine(folder, "model.safetensors"));
        foreach (var (name, tensor) in file.Tensors)
        {
            if (tensor.Length < 1 << 20)
            {
                file.ReadFloats(name, new float[tensor.Length]);
            }
        }
    }

    private static void ReadFolder(FuzzCase input, string folder)
    {
        using var model = HuggingFaceFolder.Load(folder);
        DurableFiles.ContentHash(folder);
        if (model.Layout.Length < 1 << 20)
        {
            model.ReadParameters();
        }
    }

    private static FuzzCase Index()
    {
        var files = Folder();
        files.Remove("model.safetensors", out var weights);
        files["model-00001-of-00001.safetensors"] = weights!;
        var length = BitConverter.ToInt64(weights!, 0);
        using var header = JsonDocument.Parse(weights!.AsMemory(8, (int)length));
        var map = header.RootElement.EnumerateObject().Where(entry => entry.Name != "__metadata__")
            .ToDictionary(entry => entry.Name, _ => "model-00001-of-00001.safetensors");
        files["model.safetensors.index.json"] =
            Encoding.UTF8.GetBytes(JsonSerializer.Serialize(new { metadata = new { total_size = weights!.Length - 8 - length }, weight_map = map }));
        return new FuzzCase(files);
    }

    private static Dictionary<string, byte[]> Folder()
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-fuzz-").FullName;
        var config = DecoderConfig.FromShape(ModelFamilies.Find("llama")!, 32, 8, 1, 2, 16, bosTokenId: 0, eosTokenIds: [1]);
        var layout = new ParameterLayout(config);
        var parameters = new float[layout.Length];
        DecoderInitialization.Fill(layout, parameters, 1);
        HuggingFaceWriter.Save(folder, config, parameters, new SaveOptions());
        var files = FuzzCase.ReadFrom(folder).Files.ToDictionary();
        Directory.Delete(folder, recursive: true);
        return files;
    }
}
