using FsCheck;
using FsCheck.Fluent;
using Rlhf.Model.Checkpoints;
using Rlhf.World;

namespace Rlhf.Tests.Model.Checkpoints;

public sealed class SafetensorsFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("gpt2-tiny")]
    [InlineData("llama-tiny")]
    [InlineData("llama-tiny-bf16")]
    public void Every_tensor_has_the_bits_of_an_independent_read(string name)
    {
        var path = ReferenceFiles.PathOf(name, "model.safetensors");
        var expected = PlainSafetensors.Read(path);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(expected.Keys.Order(), file.Tensors.Keys.Order());
        Assert.Equal("pt", file.Metadata["format"]);
        foreach (var (tensor, plain) in expected)
        {
            Assert.Equal(plain.Shape, file.Tensors[tensor].Shape);
            Assert.Equal(Bits(plain.Floats()), Bits(file.ReadFloats(tensor)));
        }
    }

    [Fact]
    public void Integers_are_read()
    {
        using var file = SafetensorsFile.Open(ReferenceFiles.PathOf("gpt2-tiny", "fixture.safetensors"));
        var ids = PlainSafetensors.Read(file.Path)["input_ids"];
        Assert.Equal(Enumerable.Range(0, ids.Bytes.Length / 4).Select(i => BitConverter.ToInt32(ids.Bytes, 4 * i)), file.ReadIntegers("input_ids"));
        Assert.Throws<InputException>(() => file.ReadFloats("input_ids"));
    }

    [Fact]
    public void Half_floats_longer_than_a_chunk_widen_exactly()
    {
        var halves = Enumerable.Range(0, 300_000).Select(i => (ushort)(i % 31_000)).ToArray();
        var path = _folder.PathOf("half.safetensors");
        PlainSafetensors.Write(path, [new("a", new("F16", [3], new byte[6])), new("b", new("F16", [halves.Length], Bytes(halves)))]);
        using var file = SafetensorsFile.Open(path);
        Assert.Equal(halves.Select(bits => (float)BitConverter.UInt16BitsToHalf(bits)), file.ReadFloats("b"));
    }

    private const string A = "\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}";

    [Theory]
    [InlineData("[]", 0, "a JSON object is needed")]
    [InlineData("{", 0, "not valid JSON")]
    [InlineData("{" + A + "," + A + "}", 4, "not valid JSON")]
    [InlineData("{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "overlap")]
    [InlineData("{" + A + ",\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[8,12]}}", 12, "gaps")]
    [InlineData("{" + A + "}", 8, "8 bytes of data")]
    [InlineData("{" + A + "}", 3, "only 3 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 4, "needs 8 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "data_offsets")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[-1],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1.5],\"data_offsets\":[0,4]}}", 4, "whole numbers")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296],\"data_offsets\":[0,4]}}", 4, "impossibly large")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[9223372036854775807,0,2],\"data_offsets\":[0,4]}}", 4, "needs 0 bytes")]
    [InlineData("{\"a\":{\"dtype\":\"F3\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "F3")]
    [InlineData("{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4],\"x\":1}}", 4, "exactly dtype")]
    [InlineData("{\"\\ud800\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 4, "not valid Unicode")]
    [InlineData("{\"__metadata__\":{\"format\":1}}", 0, "not a text")]
    public void A_header_that_contradicts_itself_or_the_file_is_refused(string header, int dataLength, string message)
    {
        var path = _folder.PathOf("broken.safetensors");
        File.WriteAllBytes(path, PlainSafetensors.WithHeader(header, new byte[dataLength]));
        var exception = Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
        Assert.Contains(message, exception.Message);
        Assert.StartsWith(path, exception.Message);
    }

    [Theory]
    [InlineData(0UL)]
    [InlineData(100UL)]
    [InlineData(100_000_001UL)]
    [InlineData(ulong.MaxValue)]
    public void A_header_length_that_the_file_cannot_have_is_refused(ulong length)
    {
        var path = _folder.PathOf("broken.safetensors");
        File.WriteAllBytes(path, [.. BitConverter.GetBytes(length), (byte)'{', (byte)'}']);
        Assert.Throws<InputException>(() => SafetensorsFile.Open(path));
    }

    [Fact]
    public void A_file_that_is_absent_or_too_short_is_refused()
    {
        Assert.Throws<InputException>(() => SafetensorsFile.Open(_folder.PathOf("absent")));
        Assert.Throws<InputException>(() => SafetensorsFile.Open(_folder.Path));
        File.WriteAllBytes(_folder.PathOf("short"), [1, 2, 3]);
        Assert.Throws<InputException>(() => SafetensorsFile.Open(_folder.PathOf("short")));
    }

    [Fact]
    public void Corrupted_files_never_crash_the_reader()
    {
        var sound = PlainSafetensors.WithHeader(
            "{" + A + ",\"b\":{\"dtype\":\"BF16\",\"shape\":[2,3],\"data_offsets\":[4,16]},\"__metadata__\":{\"k\":\"v\"}}   ", new byte[16]);
        var path = _folder.PathOf("fuzzed.safetensors");
        var changes = Gen.Elements(1, 2, 5).SelectMany(count =>
            Gen.Choose(0, sound.Length - 1).SelectMany(place => Gen.Choose(0, 255).Select(value => (place, value))).ListOf(count));
        var cuts = Gen.Frequency((3, Gen.Constant(sound.Length)), (1, Gen.Choose(0, sound.Length)));
        var arbitrary = changes.SelectMany(list => cuts.Select(cut => (list, cut))).ToArbitrary();
        Prop.ForAll(arbitrary, corruption =>
        {
            var bytes = sound[..corruption.cut];
            foreach (var (place, value) in corruption.list.Where(change => change.place < corruption.cut))
            {
                bytes[place] = (byte)value;
            }

            File.WriteAllBytes(path, bytes);
            ReadEverything(path);
        }).Check(Config.QuickThrowOnFailure.WithMaxTest(2000));
    }

    private static void ReadEverything(string path)
    {
        try
        {
            using var file = SafetensorsFile.Open(path);
            foreach (var tensor in file.Tensors.Values)
            {
                Assert.InRange(tensor.Offset + tensor.ByteLength, 0, new FileInfo(path).Length);
                if (tensor.Type is TensorType.F32 or TensorType.F16 or TensorType.BF16)
                {
                    Assert.Equal(tensor.Length, file.ReadFloats(tensor.Name).Length);
                }
            }
        }
        catch (InputException)
        {
        }
    }

    private static int[] Bits(float[] values) => [.. values.Select(BitConverter.SingleToInt32Bits)];

    private static byte[] Bytes(ushort[] values) => [.. values.SelectMany(BitConverter.GetBytes)];
}
