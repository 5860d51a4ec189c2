using System.Text;
using System.Text.RegularExpressions;

namespace Rlhf.Data;

/// <summary>Names what people give in the place of JSON rows or of a model folder, and what to do with it.</summary>
internal static partial class ForeignFile
{
    private static readonly (byte[] Start, string What)[] Kinds =
    [
        ([0xFF, 0xFE], "UTF-16 text: save it as UTF-8"),
        ([0xFE, 0xFF], "UTF-16 text: save it as UTF-8"),
        ([0x50, 0x4B, 0x03, 0x04], "a ZIP archive (PyTorch's .bin and .pt files are such, too): unpack it"),
        ([0x28, 0xB5, 0x2F, 0xFD], "Zstandard data inside of other packed data: unpack it once"),
        ([0x42, 0x5A, 0x68], "bzip2 data: unpack it, or pack it with gzip"),
        ([0xFD, 0x37, 0x7A, 0x58, 0x5A], "xz data: unpack it, or pack it with gzip"),
        ([0x37, 0x7A, 0xBC, 0xAF], "a 7z archive: unpack it"),
        ("PAR1"u8.ToArray(), "a packed Parquet file: unpack it"),
        ("ARROW1"u8.ToArray(), "a packed Arrow file: unpack it"),
        ([0xFF, 0xFF, 0xFF, 0xFF], "a packed Arrow stream: unpack it"),
        ("ORC"u8.ToArray(), "an ORC file: convert it to JSON lines"),
        ("Obj\u0001"u8.ToArray(), "an Avro file: convert it to JSON lines"),
        ("GGUF"u8.ToArray(), "a GGUF model: rows are needed here"),
        ([0x89, 0x48, 0x44, 0x46], "an HDF5 file: convert it to JSON lines"),
        ([0x93, 0x4E, 0x55, 0x4D, 0x50, 0x59], "a NumPy array: convert it to JSON lines"),
        ([0x80, 0x02], "a Python pickle: convert it to JSON lines"),
        ([0x80, 0x03], "a Python pickle: convert it to JSON lines"),
        ([0x80, 0x04], "a Python pickle: convert it to JSON lines"),
        ([0x80, 0x05], "a Python pickle: convert it to JSON lines"),
        ("SQLite format 3"u8.ToArray(), "an SQLite file: export its rows ('rlhf label export' does it for a store of rankings)"),
        ("%PDF"u8.ToArray(), "a PDF document: its text is needed, as rows {\"text\": ...}"),
        ("version https://git-lfs"u8.ToArray(), "a pointer of Git LFS: fetch the file itself with 'git lfs pull'"),
        ("<!DOCTYPE"u8.ToArray(), "a web page: what was downloaded is not the file but a page about it"),
        ("<html"u8.ToArray(), "a web page: what was downloaded is not the file but a page about it"),
        ("<?xml"u8.ToArray(), "XML: convert it to JSON lines"),
        ([0x1F, 0x8B], "gzip data inside gzip: unpack it once"),
    ];

    private static readonly string[] PickledWeights = ["pytorch_model.bin", "pytorch_model.bin.index.json", "model.pt", "consolidated.00.pth"];

    /// <summary>What a file is by its first bytes, with what to do; null where that is not known.</summary>
    /// <param name="start">The first bytes.</param>
    /// <param name="isTable">Whether a table as text is expected, which may begin with any text.</param>
    public static string? Named(ReadOnlySpan<byte> start, bool isTable = false)
    {
        foreach (var (bytes, what) in Kinds)
        {
            if (start.StartsWith(bytes))
            {
                return what;
            }
        }

        return start.Length > 9 && start[8] == '{' && start[5..8].IndexOfAnyExcept((byte)0) < 0
            ? "safetensors weights: rows are needed here, and models are given by their folder"
            : isTable ? null : NamedText(start);
    }

    /// <summary>What to say beside "there is no such file or folder": the name of a hub's model or dataset is none.</summary>
    public static string HubAdvice(string path, string what) => HubName().IsMatch(path) && !Path.HasExtension(path)
        ? what == "model"
            ? $" A folder '{path.Split('/')[0]}' is here, so this is taken as a path; if the model of that name on the hub is meant: hf://{path}."
            : $" If the data set of that name on the hub is meant, name its files: hf://datasets/{path}/FILE."
        : "";

    /// <summary>What a path is that was given as a model folder and is none; null where there is nothing to say.</summary>
    public static string? NamedModel(string path)
    {
        if (File.Exists(path))
        {
            return "a file that is no GGUF: give the folder that holds config.json and the safetensors";
        }

        if (!Directory.Exists(path) || Directory.EnumerateFiles(path, "*.safetensors").Any())
        {
            return null;
        }

        return PickledWeights.FirstOrDefault(name => File.Exists(Path.Combine(path, name))) is { } pickle
                ? $"a folder with pickled weights ({pickle}), which can run any program and are not read: save them as safetensors (save_pretrained does)"
            : Directory.EnumerateFiles(path, "*.gguf").Any() ? "a folder with a GGUF file: give the path of the file itself"
            : File.Exists(Path.Combine(path, "recipe.yaml"))
                && Directory.Exists(Path.Combine(path, "stages")) ? $"a run folder: its models are {Path.Combine(path, "stages", "*", "model")}"
            : Directory.Exists(Path.Combine(path, "model")) ? $"the folder of a stage: its model is {Path.Combine(path, "model")}"
            : Directory.Exists(Path.Combine(path, "snapshots")) ? "a hub's cache: the model is a folder below snapshots"
            : null;
    }

    // JSON of another shape than rows, and tables: by the first line, and a few words where they cannot be a row's.
    private static string? NamedText(ReadOnlySpan<byte> start)
    {
        var text = Encoding.UTF8.GetString(start[..Math.Min(start.Length, 4096)]).TrimStart('\uFEFF');
        var line = text.Split('\n')[0].TrimEnd('\r');
        return SplitsStart().IsMatch(text) ? "a JSON object of several lists, such as train and test: give a file of rows for each"
            : ColumnsStart().IsMatch(text) ? "columns instead of rows: write an object a row"
            : OpenObject().IsMatch(text) ? "a JSON object over several lines: write each on one line, or all as an array ('jq -c .' writes one a line)"
            : line.Length == 0 || line.Length == text.Length || JsonStart().IsMatch(line) ? null
            : line.Contains('\t', StringComparison.Ordinal) ? "a table with tabs (TSV): give it a name that ends in .tsv, and it is read"
            : CsvHeader().IsMatch(line) ? "a table (CSV): give it a name that ends in .csv, and it is read"
            : YamlStart().IsMatch(line) ? "YAML or plain text: rows are JSON lines, plain text as {\"text\": ...}"
            : null;
    }

    [GeneratedRegex(@"^[\w.-]+/[\w.-]+$")]
    private static partial Regex HubName();

    // An object that has begun, and goes on with a name or ends on the next line.
    [GeneratedRegex(@"^\s*\{[^{}\n]*\n\s*(?:""[^""\n]*""\s*:|\})")]
    private static partial Regex OpenObject();

    [GeneratedRegex(@"^\s*\{\s*""(?:train|test|validation|valid|dev)""\s*:\s*\[")]
    private static partial Regex SplitsStart();

    [GeneratedRegex(@"^\s*\{\s*""(?:prompt|instruction|question|response|completion|output|chosen|rejected|text)""\s*:\s*\[\s*""|^\s*\{\s*\n\s*""[^""\n]*""\s*:\s*\[\s*\n\s*[-\d""ntf]")]
    private static partial Regex ColumnsStart();

    [GeneratedRegex(@"^\s*[\[{]|^\s*""(?:[^""\\]|\\.)*""\s*$|^\s*(?:-?\d|true|false|null)")]
    private static partial Regex JsonStart();

    [GeneratedRegex(@"^(?:""[^""]*""|[^,;""{}\[\]]+)(?:[,;](?:""[^""]*""|[^,;""{}\[\]]*))+$")]
    private static partial Regex CsvHeader();

    [GeneratedRegex(@"^[A-Za-z_][\w-]*:(\s|$)|^---\s*$")]
    private static partial Regex YamlStart();
}
