using System.Globalization;
using System.Text;
using System.Text.Json.Nodes;

namespace Rlhf.Data;

/// <summary>
/// What became of every row of a stage's data: rows in = kept + dropped, for each file; how many rows lost tokens and how many; which fields
/// were not used. Nothing is left out in silence. Rows may be counted from several threads.
/// </summary>
public sealed class Ledger
{
    /// <summary>The file's name in the folder of a stage.</summary>
    public const string FileName = "ledger.json";

    /// <summary>Positions kept per file and reason; all rows are counted.</summary>
    public const int ExamplesPerReason = 20;

    private readonly SortedDictionary<string, FileEntry> _files = new(StringComparer.Ordinal);

    /// <summary>Creates the ledger of a stage.</summary>
    public Ledger(string stage) => Stage = stage;

    /// <summary>The stage, as in <c>01-sft</c>.</summary>
    public string Stage { get; }

    /// <summary>Rows read.</summary>
    public long RowsIn => _files.Values.Sum(file => file.RowsIn);

    /// <summary>Rows not dropped.</summary>
    public long RowsKept => RowsIn - RowsDropped;

    /// <summary>Rows dropped.</summary>
    public long RowsDropped => _files.Values.Sum(file => file.RowsDropped);

    /// <summary>Kept rows that lost tokens.</summary>
    public long RowsTruncated => _files.Values.Sum(file => file.RowsTruncated);

    /// <summary>Tokens that those rows lost.</summary>
    public long TokensCut => _files.Values.Sum(file => file.TokensCut);

    /// <summary>Rows dropped by reason, over all files.</summary>
    public IReadOnlyDictionary<string, long> DroppedByReason => _files.Values
        .SelectMany(file => file.Dropped)
        .GroupBy(entry => entry.Key, StringComparer.Ordinal)
        .ToDictionary(group => group.Key, group => group.Sum(entry => entry.Value.Count), StringComparer.Ordinal);

    /// <summary>The examples of a reason for dropping rows, over all files.</summary>
    public IEnumerable<string> ExamplesOfDropped(string reason) =>
        _files.Values.SelectMany(file => file.Dropped.TryGetValue(reason, out var entry) ? entry.Examples : []);

    /// <summary>A row was read.</summary>
    public void Read(string file)
    {
        lock (_files)
        {
            Of(file).RowsIn++;
        }
    }

    /// <summary>A row that was read is left out. The <paramref name="example"/> that is kept is the position unless it is given.</summary>
    public void Drop(RowPosition position, string reason, string? example = null)
    {
        lock (_files)
        {
            Of(position.File).RowsDropped++;
            Of(position.File).Dropped.Add(reason, example ?? position.ToString());
        }
    }

    /// <summary>A row that is kept lost tokens; called once a row.</summary>
    public void Truncate(RowPosition position, string reason, long tokensCut)
    {
        lock (_files)
        {
            Of(position.File).RowsTruncated++;
            Of(position.File).TokensCut += tokensCut;
            Of(position.File).Truncated.Add(reason, position.ToString());
        }
    }

    /// <summary>Something else worth knowing about a row that is kept, such as a field without effect.</summary>
    public void Note(RowPosition position, string note, string? example = null)
    {
        lock (_files)
        {
            Of(position.File).Notes.Add(note, example ?? position.ToString());
        }
    }

    /// <summary>What was noted of rows that are kept, each once.</summary>
    public IEnumerable<string> Notes() => _files.Values.SelectMany(file => file.Notes.Keys).Distinct(StringComparer.Ordinal);

    /// <summary>The ledger as data (<c>ledger.json</c>).</summary>
    public JsonObject ToJson() => new()
    {
        ["stage"] = Stage,
        ["rows_in"] = RowsIn,
        ["kept"] = RowsKept,
        ["dropped"] = RowsDropped,
        ["truncated"] = RowsTruncated,
        ["tokens_cut"] = TokensCut,
        ["files"] = new JsonArray([.. _files.Select(entry => entry.Value.ToJson(entry.Key))]),
    };

    /// <summary>The ledger for people: one line a file, its reasons below it.</summary>
    public string ToText()
    {
        var text = new StringBuilder();
        foreach (var (file, entry) in _files)
        {
            text.AppendLine(CultureInfo.InvariantCulture,
                $"{file}: {entry.RowsIn} rows in, {entry.RowsIn - entry.RowsDropped} kept, {entry.RowsDropped} dropped, {entry.RowsTruncated} truncated ({entry.TokensCut} tokens cut)");
            entry.Dropped.Write(text, "dropped");
            entry.Truncated.Write(text, "truncated");
            entry.Notes.Write(text, "note");
        }

        return text.ToString();
    }

    private FileEntry Of(string file)
    {
        if (!_files.TryGetValue(file, out var entry))
        {
            _files[file] = entry = new FileEntry();
        }

        return entry;
    }

    private sealed class FileEntry
    {
        public long RowsIn { get; set; }

        public long RowsDropped { get; set; }

        public long RowsTruncated { get; set; }

        public long TokensCut { get; set; }

        public Reasons Dropped { get; } = [];

        public Reasons Truncated { get; } = [];

        public Reasons Notes { get; } = [];

        public JsonObject ToJson(string file) => new()
        {
            ["file"] = file,
            ["rows_in"] = RowsIn,
            ["kept"] = RowsIn - RowsDropped,
            ["dropped"] = RowsDropped,
            ["truncated"] = RowsTruncated,
            ["tokens_cut"] = TokensCut,
            ["dropped_by_reason"] = Dropped.ToJson(),
            ["truncated_by_reason"] = Truncated.ToJson(),
            ["notes"] = Notes.ToJson(),
        };
    }

    private sealed class Reason
    {
        public long Count { get; set; }

        public List<string> Examples { get; } = [];
    }

    private sealed class Reasons : SortedDictionary<string, Reason>
    {
        public Reasons() : base(StringComparer.Ordinal)
        {
        }

        public void Add(string reason, string example)
        {
            if (!TryGetValue(reason, out var entry))
            {
                this[reason] = entry = new Reason();
            }

            entry.Count++;
            if (entry.Examples.Count < ExamplesPerReason)
            {
                entry.Examples.Add(example);
            }
        }

        public JsonArray ToJson() => new([.. this.Select(entry => new JsonObject
        {
            ["reason"] = entry.Key,
            ["count"] = entry.Value.Count,
            ["examples"] = new JsonArray([.. entry.Value.Examples.Select(example => JsonValue.Create(example))]),
        })]);

        public void Write(StringBuilder text, string what)
        {
            foreach (var (reason, entry) in this)
            {
                text.AppendLine(CultureInfo.InvariantCulture, $"  {what}: {entry.Count} x {reason} ({entry.Examples[0]}{(entry.Count > 1 ? ", ..." : "")})");
            }
        }
    }
}
