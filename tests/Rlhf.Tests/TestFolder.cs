using System.IO.Compression;
using System.Text;
using Rlhf.Data;
using Rlhf.Data.RowForms;

namespace Rlhf.Tests;

/// <summary>A folder for one test, removed at its end.</summary>
internal sealed class TestFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("rlhf-test-").FullName;

    public string PathOf(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    public Ledger Ledger { get; } = new("01-sft");

    public string Write(string name, string text) => Write(name, Encoding.UTF8.GetBytes(text));

    public string Write(string name, byte[] bytes)
    {
        var path = System.IO.Path.Combine(Path, name);
        Directory.CreateDirectory(System.IO.Path.GetDirectoryName(path)!);
        File.WriteAllBytes(path, bytes);
        return path;
    }

    /// <summary>Copies the top-level files of a model folder, so that a test can break them.</summary>
    public string CopyOf(string folder)
    {
        var copy = PathOf(Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(copy);
        foreach (var name in (string[])["config.json", "model.safetensors"])
        {
            File.WriteAllBytes(System.IO.Path.Combine(copy, name), File.ReadAllBytes(System.IO.Path.Combine(folder, name)));
        }

        return copy;
    }

    public static byte[] Gzip(byte[] bytes)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(bytes);
        }

        return packed.ToArray();
    }

    /// <summary>A source of one file <c>rows.jsonl</c> with these rows.</summary>
    public DataSource Rows(params string[] rows)
    {
        Write("rows.jsonl", string.Join('\n', rows));
        return new DataSource { Path = ["rows.jsonl"] };
    }

    public List<Demonstration> Demonstrations(params string[] rows) => [.. DataReader.Demonstrations(Rows(rows), Path, Ledger)];

    public List<Ranking> Rankings(params string[] rows) => [.. DataReader.Rankings(Rows(rows), Path, Ledger)];

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
