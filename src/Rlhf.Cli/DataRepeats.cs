using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using Rlhf.Data;
using Rlhf.Data.RowForms;

namespace Rlhf.Cli;

/// <summary>Counts rows that say what an earlier one said, or its opposite. Of each text only a hash is kept.</summary>
internal sealed class DataRepeats
{
    private const double Share = 0.1;

    private readonly HashSet<ulong> _rows = [];
    private readonly HashSet<ulong> _nearRows = [];
    private readonly Dictionary<ulong, bool> _sides = [];
    private readonly HashSet<ulong> _divided = [];
    private readonly Dictionary<ulong, bool> _pairs = [];

    /// <summary>Rows that an earlier row repeats word for word.</summary>
    public int Same { get; private set; }

    /// <summary>Rows that differ from an earlier row in case and white space alone.</summary>
    public int NearlySame { get; private set; }

    /// <summary>Prompts that differ in case alone and fall on different sides of a split that holds out a tenth.</summary>
    public int OnBothSides => _divided.Count;

    /// <summary>Pairs of answers of which an earlier row says the opposite.</summary>
    public int Contradictions { get; private set; }

    /// <summary>Takes a record.</summary>
    public void Add(AnyRecord record)
    {
        var prompt = record.Asked;
        string[] texts = [prompt?.Identity ?? "", .. DataFindings.ResponsesOf(record)];
        var isNew = _nearRows.Add(Hash(string.Join('\0', texts.Select(Near))));
        if (!_rows.Add(Hash(string.Join('\0', texts))))
        {
            Same++;
        }
        else if (!isNew)
        {
            NearlySame++;
        }

        if ((prompt?.SplitKey ?? record.Text?.Group) is { } key)
        {
            AddSide(key);
        }

        foreach (var (better, worse) in record.Ranking?.Pairs ?? [])
        {
            AddPair(Near(prompt!.Identity), Near(record.Ranking!.Responses[better]), Near(record.Ranking.Responses[worse]));
        }
    }

    private void AddSide(string key)
    {
        var (near, side) = (Hash(Near(key)), PromptSplit.IsHeldOut(key, Share));
        if (!_sides.TryAdd(near, side) && _sides[near] != side)
        {
            _divided.Add(near);
        }
    }

    private void AddPair(string prompt, string better, string worse)
    {
        var ahead = string.CompareOrdinal(better, worse) < 0;
        var key = Hash(string.Join('\0', prompt, ahead ? better : worse, ahead ? worse : better));
        if (!_pairs.TryAdd(key, ahead) && _pairs[key] != ahead)
        {
            Contradictions++;
        }
    }

    private static string Near(string text) => PromptSplit.Normalized(text).Replace('\n', ' ').ToUpperInvariant();

    private static ulong Hash(string text) => BinaryPrimitives.ReadUInt64LittleEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));
}
