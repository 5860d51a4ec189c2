using System.Text;
using Rlhf.Model.Checkpoints.Gguf;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>Splits a GGUF file as llama-gguf-split does.</summary>
internal static class GgufSplitter
{
    private const int UsualAlignment = 32;
    private const int CountsBytes = 24;

    /// <summary>Writes the parts.</summary>
    /// <param name="source">The file.</param>
    /// <param name="start">Folder and name in front of <c>-00001-of-00003.gguf</c>.</param>
    /// <param name="count">Parts.</param>
    /// <param name="firstIsEmpty">Whether the first part has the metadata alone.</param>
    /// <returns>Their paths.</returns>
    public static string[] Split(string source, string start, int count, bool firstIsEmpty = false)
    {
        var bytes = File.ReadAllBytes(source);
        var file = GgufFile.Open(source);
        GgufTensor[] tensors = [.. file.Tensors.Values];
        var parts = new string[count];
        var filled = firstIsEmpty ? count - 1 : count;
        for (var part = 0; part < count; part++)
        {
            var number = firstIsEmpty ? part - 1 : part;
            var own = number < 0 ? [] : tensors[(tensors.Length * number / filled)..(tensors.Length * (number + 1) / filled)];
            parts[part] = FormattableString.Invariant($"{start}-{part + 1:00000}-of-{count:00000}.gguf");
            using var writer = new BinaryWriter(File.Create(parts[part]));
            WriteHead(writer, bytes, source, part, count, own.Length, tensors.Length);
            // Only the first part has the metadata, and so another alignment.
            WriteTensors(writer, bytes, own, part == 0 ? file.Metadata.Count(GgufKeys.Alignment, UsualAlignment) : UsualAlignment);
        }

        return parts;
    }

    private static void WriteHead(BinaryWriter writer, byte[] bytes, string source, int part, int count, int own, int all)
    {
        var entries = part == 0 ? BitConverter.ToInt64(bytes, CountsBytes - 8) : 0;
        writer.Write(bytes.AsSpan(0, 8));
        writer.Write((long)own);
        writer.Write(entries + 3);
        if (part == 0)
        {
            using var handle = File.OpenHandle(source);
            var reader = new GgufReader(source, handle);
            reader.Skip(CountsBytes);
            _ = GgufMetadata.Read(source, reader, entries);
            writer.Write(bytes.AsSpan(CountsBytes, (int)reader.Position - CountsBytes));
        }

        WriteText(writer, "split.no");
        writer.Write(2);
        writer.Write((ushort)part);
        WriteText(writer, "split.count");
        writer.Write(2);
        writer.Write((ushort)count);
        WriteText(writer, "split.tensors.count");
        writer.Write(5);
        writer.Write(all);
    }

    private static void WriteTensors(BinaryWriter writer, byte[] bytes, GgufTensor[] tensors, int alignment)
    {
        var offset = 0L;
        foreach (var tensor in tensors)
        {
            WriteText(writer, tensor.Name);
            writer.Write(tensor.Shape.Length);
            foreach (var size in tensor.Shape.Reverse())
            {
                writer.Write(size);
            }

            writer.Write((int)tensor.Type);
            writer.Write(offset);
            offset += (tensor.ByteLength + alignment - 1) / alignment * alignment;
        }

        foreach (var tensor in tensors)
        {
            Pad(writer, alignment);
            writer.Write(bytes.AsSpan((int)tensor.Offset, (int)tensor.ByteLength));
        }

        Pad(writer, alignment);
    }

    private static void Pad(BinaryWriter writer, int alignment)
    {
        writer.Flush();
        writer.Write(new byte[(alignment - (writer.BaseStream.Position % alignment)) % alignment]);
    }

    private static void WriteText(BinaryWriter writer, string text)
    {
        writer.Write((long)text.Length);
        writer.Write(Encoding.ASCII.GetBytes(text));
    }
}
