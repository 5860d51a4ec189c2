using System.IO.Compression;
using System.Text;
using Apache.Arrow;
using Apache.Arrow.Ipc;
using Apache.Arrow.Types;

namespace Fuzz;

/// <summary>Small sound tables to change: text, Zstandard, Parquet, Arrow.</summary>
internal static class TableSeeds
{
    private const string Csv = "prompt,chosen,rejected\r\n\"Name, please.\",\"An \"\"apple\"\".\",No\r\nQ,A,\r\n";

    public static IEnumerable<FuzzCase> All()
    {
        yield return Case("rows.csv", Encoding.UTF8.GetBytes(Csv));
        yield return Case("rows.tsv", Encoding.UTF8.GetBytes("prompt\tresponse\nQ\tA\n"));
        yield return Case("rows.csv", [.. Encoding.Unicode.GetPreamble(), .. Encoding.Unicode.GetBytes(Csv)]);
        using (var zstandard = new ZstdSharp.Compressor())
        {
            yield return Case("rows.jsonl.zst", zstandard.Wrap(Encoding.UTF8.GetBytes("{\"prompt\": \"Q\", \"response\": \"A\"}\n")).ToArray());
        }

        yield return Case("rows.parquet", Parquet());
        yield return Case("rows.arrow", Arrow(isFile: true));
        yield return Case("rows.arrow", Arrow(isFile: false));
    }

    private static FuzzCase Case(string name, byte[] bytes) => new([KeyValuePair.Create(name, bytes)]);

    /// <summary>Two rows with the columns prompt and response, packed with gzip; the response may be null and stands in a dictionary.</summary>
    private static byte[] Parquet()
    {
        using var file = new MemoryStream();
        file.Write("PAR1"u8);
        var prompts = Gzip([1, 0, 0, 0, (byte)'Q', 1, 0, 0, 0, (byte)'R']);
        var firstAt = (int)file.Position;
        file.Write([0x15, 0, 0x15, 20, 0x15, (byte)(prompts.Length * 2), 0x2C, 0x15, 4, 0x15, 0, 0x15, 6, 0x15, 6, 0, 0, .. prompts]);
        var secondAt = (int)file.Position;
        var dictionary = Gzip([1, 0, 0, 0, (byte)'A']);
        file.Write([0x15, 4, 0x15, 10, 0x15, (byte)(dictionary.Length * 2), 0x4C, 0x15, 2, 0x15, 0, 0, 0, .. dictionary]);
        var dataAt = (int)file.Position;
        var answers = Gzip([2, 0, 0, 0, 3, 3, 1, 4, 0]);
        file.Write([0x15, 0, 0x15, 18, 0x15, (byte)(answers.Length * 2), 0x2C, 0x15, 4, 0x15, 16, 0x15, 6, 0x15, 6, 0, 0, .. answers]);
        var end = (int)file.Position;
        byte[] footer =
        [
            0x15, 2, 0x19, 0x3C, 0x48, 1, (byte)'s', 0x15, 4, 0,
            .. Column("prompt", optional: false), .. Column("response", optional: true),
            0x16, 4, 0x19, 0x1C, 0x19, 0x2C,
            .. Chunk("prompt", firstAt, secondAt - firstAt, null), .. Chunk("response", dataAt, end - secondAt, secondAt),
            0x16, .. Number(end), 0x16, 4, 0, 0,
        ];
        file.Write(footer);
        file.Write(BitConverter.GetBytes(footer.Length));
        file.Write("PAR1"u8);
        return file.ToArray();
    }

    private static byte[] Column(string name, bool optional) =>
        [0x15, 12, 0x25, (byte)(optional ? 2 : 0), 0x18, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 0x25, 0, 0];

    private static byte[] Chunk(string name, int dataAt, int length, int? dictionaryAt) =>
    [
        0x26, 0, 0x1C, 0x15, 12, 0x19, 0x15, 0, 0x19, 0x18, (byte)name.Length, .. Encoding.ASCII.GetBytes(name), 0x15, 4, 0x16, 4, 0x16, .. Number(length),
        0x16, .. Number(length), 0x26, .. Number(dataAt), .. dictionaryAt is { } at ? (byte[])[0x26, .. Number(at)] : [], 0, 0,
    ];

    private static byte[] Number(int value)
    {
        List<byte> bytes = [];
        for (var left = (uint)value << 1; ; left >>= 7)
        {
            if (left < 0x80)
            {
                return [.. bytes, (byte)left];
            }

            bytes.Add((byte)(left | 0x80));
        }
    }

    private static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    private static byte[] Arrow(bool isFile)
    {
        var texts = new StringArray.Builder().Append("Q").Append("R").Build();
        var answers = new StringArray.Builder().Append("A").AppendNull().Build();
        var schema = new Schema([new Field("prompt", StringType.Default, false), new Field("response", StringType.Default, true)], []);
        using var batch = new RecordBatch(schema, [texts, answers], 2);
        using var stream = new MemoryStream();
        using (var writer = isFile ? new ArrowFileWriter(stream, schema, leaveOpen: true) : new ArrowStreamWriter(stream, schema, leaveOpen: true))
        {
            writer.WriteRecordBatch(batch);
            writer.WriteEnd();
        }

        return stream.ToArray();
    }
}
