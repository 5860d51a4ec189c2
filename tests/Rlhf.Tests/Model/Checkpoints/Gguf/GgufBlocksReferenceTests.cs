using System.Text.Json;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

public sealed class GgufBlocksReferenceTests
{
    public static TheoryData<string> Types()
    {
        var data = new TheoryData<string>();
        foreach (var type in GgufReferences.Json("blocks.json").GetProperty("types").EnumerateObject())
        {
            data.Add(type.Name);
        }

        return data;
    }

    [Theory]
    [MemberData(nameof(Types))]
    public void Blocks_have_the_references_values(string name)
    {
        var about = GgufReferences.Json("blocks.json").GetProperty("types").GetProperty(name);
        if (GgufTensorTypes.Find(about.GetProperty("ggml_type").GetUInt32(), out _) is not { } type)
        {
            Assert.False(about.GetProperty("required").GetBoolean());
            return;
        }

        Assert.Equal(about.GetProperty("bytes_per_block").GetInt32(), type.BlockBytes());
        Assert.Equal(about.GetProperty("values_per_block").GetInt32(), type.BlockLength());
        using var file = SafetensorsFile.Open(GgufReferences.PathOf("blocks.safetensors"));
        var expected = file.ReadFloats(name + ".values");
        var found = new float[expected.Length];
        GgufBlocks.Decode(type, Raw(about), found);
        for (var first = 0; first < expected.Length; first += type.BlockLength())
        {
            var tolerance = type.BlockLength() == 1 ? 0 : 1e-6f * expected.Skip(first).Take(type.BlockLength()).Max(MathF.Abs);
            for (var i = first; i < first + type.BlockLength(); i++)
            {
                Assert.True(Math.Abs(expected[i] - found[i]) <= tolerance, $"{name} {i}: {expected[i]} {found[i]}");
            }
        }
    }

    [Fact]
    public void The_types_with_one_product_and_one_sum_have_the_same_bits()
    {
        using var file = SafetensorsFile.Open(GgufReferences.PathOf("blocks.safetensors"));
        foreach (var type in (GgufTensorType[])[GgufTensorType.Q8_0, GgufTensorType.Q4_0, GgufTensorType.Q4_1, GgufTensorType.Q5_1, GgufTensorType.F16])
        {
            var expected = file.ReadFloats($"{type}.values");
            var found = new float[expected.Length];
            GgufBlocks.Decode(type, Raw(GgufReferences.Json("blocks.json").GetProperty("types").GetProperty($"{type}")), found);
            Assert.Equal(expected, found);
        }
    }

    private static byte[] Raw(JsonElement about) =>
        [.. about.GetProperty("raw_hex").EnumerateArray().SelectMany(block => Convert.FromHexString(block.GetString()!))];
}
