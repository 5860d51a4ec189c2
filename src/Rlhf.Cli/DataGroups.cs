using System.Globalization;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Reports;

namespace Rlhf.Cli;

/// <summary>The values of the field that rows are split by: how many rows each has, and which prompts have several.</summary>
internal sealed class DataGroups
{
    private const double Share = 0.1;
    private const int MostShown = 40;

    private readonly Dictionary<string, int> _rows = new(StringComparer.Ordinal);
    private readonly Dictionary<string, string> _groupOf = new(StringComparer.Ordinal);
    private readonly HashSet<string> _divided = new(StringComparer.Ordinal);

    /// <summary>Rows by value.</summary>
    public IReadOnlyDictionary<string, int> Rows => _rows;

    /// <summary>Prompts that stand in rows of several values: with one of them held out and another not, they are on both sides.</summary>
    public int PromptsInSeveral => _divided.Count;

    /// <summary>The values that a share of a tenth holds out.</summary>
    public IEnumerable<string> HeldOut => _rows.Keys.Where(group => PromptSplit.IsHeldOut(group, Share));

    /// <summary>Takes a record that has its group.</summary>
    public void Add(AnyRecord record)
    {
        _rows[record.SplitKey] = _rows.GetValueOrDefault(record.SplitKey) + 1;
        if (record.Asked is { } prompt)
        {
            var asked = PromptSplit.Normalized(prompt.Text);
            if (!_groupOf.TryAdd(asked, record.SplitKey) && _groupOf[asked] != record.SplitKey)
            {
                _divided.Add(asked);
            }
        }
    }

    /// <summary>A table for people.</summary>
    public void Write(TextWriter output, string field)
    {
        var table = new TextTable(field, "rows", "held_out 0.1");
        foreach (var (group, rows) in _rows.OrderBy(own => own.Key, StringComparer.Ordinal).Take(MostShown))
        {
            table.AddRow(VisibleText.Plain(group), rows.ToString(CultureInfo.InvariantCulture), PromptSplit.IsHeldOut(group, Share) ? "held out" : "");
        }

        table.Write(output);
        if (_rows.Count > MostShown)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"and {_rows.Count - MostShown} values more"));
        }

        var held = HeldOut.ToArray();
        output.WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"split by {field}: {_rows.Count} values; held_out 0.1 holds out {held.Length} of them with {held.Sum(group => _rows[group])} of {_rows.Values.Sum()} rows"));
        output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"prompts in several values of {field}: {PromptsInSeveral}"));
    }

    /// <summary>The same as an object.</summary>
    public JsonObject Json(string field)
    {
        var held = HeldOut.ToArray();
        return new JsonObject
        {
            ["field"] = field,
            ["values"] = new JsonObject(_rows.OrderBy(own => own.Key, StringComparer.Ordinal).Select(own => KeyValuePair.Create(own.Key, (JsonNode?)own.Value))),
            ["prompts_in_several_values"] = PromptsInSeveral,
            ["held_out_values"] = held.Length,
            ["held_out_rows"] = held.Sum(group => _rows[group]),
        };
    }
}
