using System.Buffers.Binary;
using System.Runtime.InteropServices;
using System.Text.Json;

namespace Rlhf.Tests.Objectives;

/// <summary>Reads one two-dimensional F32 tensor of a fixture, so that these tests need no other part of the program.</summary>
internal static class FixtureTensor
{
    public static float[][] Read(string path, string name)
    {
        var bytes = File.ReadAllBytes(path);
        var header = (int)BinaryPrimitives.ReadUInt64LittleEndian(bytes);
        using var document = JsonDocument.Parse(bytes.AsMemory(8, header));
        var tensor = document.RootElement.GetProperty(name);
        var columns = tensor.GetProperty("shape")[1].GetInt32();
        var range = tensor.GetProperty("data_offsets");
        var data = MemoryMarshal.Cast<byte, float>(bytes.AsSpan((8 + header + range[0].GetInt32())..(8 + header + range[1].GetInt32()))).ToArray();
        return [.. data.Chunk(columns)];
    }
}
