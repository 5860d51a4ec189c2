using System.IO.Compression;
using System.Text.Json;
using Rlhf.Text;

namespace Rlhf.Tests.Text;

/// <summary>The tokenizers of <c>../shared/data</c>, each loaded once for all tests.</summary>
internal static class RealTokenizers
{
    private static readonly Lazy<Tokenizer> LazyGpt2 = new(() => Tokenizer.Load(ReferenceFiles.DataPathOf("tokenizers", "gpt2")));
    private static readonly Lazy<Tokenizer> LazyStories = new(() => Tokenizer.Load(ReferenceFiles.DataPathOf("stories260k")));
    private static readonly Lazy<Tokenizer> LazyQwen3 = new(LoadQwen3);

    public static Tokenizer Named(string name) => name switch
    {
        "gpt2" => LazyGpt2.Value,
        "qwen3" => LazyQwen3.Value,
        "stories260k" => LazyStories.Value,
        _ => throw new ArgumentException(name, nameof(name)),
    };

    public static JsonElement Fixture(string name) => JsonDocument.Parse(File.ReadAllBytes(ReferenceFiles.PathOf("tokenizers", name))).RootElement;

    public static int[] Ids(JsonElement array) => [.. array.EnumerateArray().Select(id => id.GetInt32())];

    // Its tokenizer.json is stored compressed.
    private static Tokenizer LoadQwen3()
    {
        using var folder = new TestFolder();
        var source = ReferenceFiles.DataPathOf("tokenizers", "qwen3");
        using (var packed = new GZipStream(File.OpenRead(Path.Combine(source, "tokenizer.json.gz")), CompressionMode.Decompress))
        using (var unpacked = File.Create(folder.PathOf("tokenizer.json")))
        {
            packed.CopyTo(unpacked);
        }

        File.Copy(Path.Combine(source, "tokenizer_config.json"), folder.PathOf("tokenizer_config.json"));
        return Tokenizer.Load(folder.Path);
    }
}
