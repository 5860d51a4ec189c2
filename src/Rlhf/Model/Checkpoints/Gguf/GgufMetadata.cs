using System.Globalization;
using System.Text.Json;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// The metadata of a GGUF file. Values are kept where they can matter: whole numbers as decimal, others as double, texts, flags, and of arrays those of the
/// tokenizer and of the architecture. Whoever asks says which kind is right.
/// </summary>
internal sealed class GgufMetadata
{
    private const int MostOfLayers = 4096;

    private readonly string _path;
    private readonly Dictionary<string, object> _values = new(StringComparer.Ordinal);

    private GgufMetadata(string path) => _path = path;

    /// <summary>Every key of the file.</summary>
    public IEnumerable<string> Keys => _values.Keys;

    /// <summary>Reads entries.</summary>
    /// <exception cref="InputException">One is damaged.</exception>
    public static GgufMetadata Read(string path, GgufReader reader, long entries)
    {
        var metadata = new GgufMetadata(path);
        for (var i = 0L; i < entries; i++)
        {
            var key = reader.Text("a key of the metadata");
            if (!metadata._values.TryAdd(key, Value(reader, key, Type(reader, key))))
            {
                throw reader.Damaged($"the key {Shown(key)} stands twice");
            }
        }

        return metadata;
    }

    /// <summary>Whether the file has this key.</summary>
    public bool Has(string key) => _values.ContainsKey(key);

    /// <summary>A text, or null where the key is absent.</summary>
    public string? Text(string key) => Get<string>(key, "a text");

    /// <summary>A flag.</summary>
    public bool Flag(string key, bool whenAbsent) => Has(key) ? _values[key] is bool flag ? flag : throw Refuse(key, "must be true or false") : whenAbsent;

    /// <summary>A whole number of 0 to 2^31 - 1; an array of equal ones counts as one.</summary>
    public int Count(string key, int? whenAbsent = null)
    {
        if (!_values.TryGetValue(key, out var value))
        {
            return whenAbsent ?? throw Refuse(key, "is missing: it must be a whole number");
        }

        if (value is double[] { Length: > 0 } list)
        {
            value = list.All(item => item == list[0]) && list[0] == Math.Floor(list[0]) && Math.Abs(list[0]) < 1e15
                ? (decimal)list[0] : throw Refuse(key, "has another value for each layer, which is not implemented");
        }

        return value is decimal number and >= 0 and <= int.MaxValue ? (int)number : throw Refuse(key, "must be a whole number of 0 to 2147483647");
    }

    /// <summary>A number, or null where the key is absent. One of 32 bits has the shortest decimal form that means it: 1e-5, not 9.99999974e-6.</summary>
    public double? Number(string key) => !_values.TryGetValue(key, out var value) ? null
        : value switch
        {
            double real when double.IsFinite(real) => real,
            decimal whole => (double)whole,
            _ => throw Refuse(key, "must be a finite number"),
        };

    /// <summary>A list of texts, or null where the key is absent.</summary>
    public string[]? Texts(string key) => Get<string[]>(key, "a list of texts");

    /// <summary>A list of numbers, or null where the key is absent.</summary>
    public double[]? Numbers(string key) => Get<double[]>(key, "a list of numbers");

    /// <summary>A list of whole numbers, or null where the key is absent.</summary>
    public int[]? WholeNumbers(string key) => Numbers(key) is not { } list ? null
        : list.All(item => item == Math.Floor(item) && Math.Abs(item) <= int.MaxValue) ? [.. list.Select(item => (int)item)]
        : throw Refuse(key, "must be a list of whole numbers");

    /// <summary>The value as a refusal shows it.</summary>
    public string ShownValue(string key) => _values[key] switch
    {
        string text => Shown(text),
        bool flag => flag ? "true" : "false",
        IFormattable number => number.ToString(null, CultureInfo.InvariantCulture),
        _ => "a list",
    };

    /// <summary>The exception that says what is wrong with a key.</summary>
    public InputException Refuse(string key, string why) => new($"{_path}: {Shown(key)}{(Has(key) ? $": {ShownValue(key)}" : "")} {why}.");

    /// <summary>A name from the file, made safe and short enough for a message.</summary>
    public static string Shown(string name)
    {
        var json = JsonSerializer.Serialize(name);
        return json.Length <= 120 ? json : json[..116] + "...\"";
    }

    private T? Get<T>(string key, string what) where T : class =>
        !_values.TryGetValue(key, out var value) ? null : value as T ?? throw Refuse(key, $"must be {what}");

    private static GgufValueType Type(GgufReader reader, string key)
    {
        var type = (GgufValueType)reader.UInt32();
        return Enum.IsDefined(type) ? type : throw reader.Damaged(FormattableString.Invariant($"{Shown(key)} has a value of type {(uint)type}, which does not exist"));
    }

    private static object Value(GgufReader reader, string key, GgufValueType type) => type switch
    {
        GgufValueType.Text => reader.Text($"the value of {Shown(key)}"),
        GgufValueType.Bool => reader.Byte() switch
        {
            0 => false,
            1 => true,
            _ => throw reader.Damaged($"{Shown(key)} is neither true nor false"),
        },
        GgufValueType.Array => Array(reader, key),
        GgufValueType.Float32 or GgufValueType.Float64 => Real(reader, type),
        _ => Whole(reader, type),
    };

    private static double Real(GgufReader reader, GgufValueType type)
    {
        if (type == GgufValueType.Float64)
        {
            return BitConverter.UInt64BitsToDouble(reader.UInt64());
        }

        var value = BitConverter.UInt32BitsToSingle(reader.UInt32());
        return float.IsFinite(value) ? double.Parse(value.ToString("R", CultureInfo.InvariantCulture), CultureInfo.InvariantCulture) : value;
    }

    private static decimal Whole(GgufReader reader, GgufValueType type) => type switch
    {
        GgufValueType.UInt8 => reader.Byte(),
        GgufValueType.Int8 => (sbyte)reader.Byte(),
        GgufValueType.UInt16 => reader.UInt16(),
        GgufValueType.Int16 => (short)reader.UInt16(),
        GgufValueType.UInt32 => reader.UInt32(),
        GgufValueType.Int32 => (int)reader.UInt32(),
        GgufValueType.UInt64 => reader.UInt64(),
        _ => (long)reader.UInt64(),
    };

    private static object Array(GgufReader reader, string key)
    {
        var type = Type(reader, key);
        if (type == GgufValueType.Array)
        {
            throw reader.Damaged($"{Shown(key)} is an array of arrays, which is not read");
        }

        var count = (int)Math.Min(reader.Count($"items of {Shown(key)}", SizeOf(type)), int.MaxValue);
        var isNeeded = count <= MostOfLayers || key.StartsWith("tokenizer.ggml.", StringComparison.Ordinal);
        if (isNeeded && count > Limits.TokenId)
        {
            throw reader.Damaged(FormattableString.Invariant($"{Shown(key)} has {count} items, more than any vocabulary"));
        }

        return type == GgufValueType.Text ? TextArray(reader, key, isNeeded, count) : NumberArray(reader, type, isNeeded, count);
    }

    private static string[] TextArray(GgufReader reader, string key, bool isNeeded, int count)
    {
        var texts = new string[isNeeded ? count : 0];
        for (var i = 0; i < count; i++)
        {
            if (isNeeded)
            {
                texts[i] = reader.Text($"an item of {Shown(key)}");
            }
            else
            {
                reader.SkipText($"an item of {Shown(key)}");
            }
        }

        return texts;
    }

    private static double[] NumberArray(GgufReader reader, GgufValueType type, bool isNeeded, int count)
    {
        if (!isNeeded)
        {
            reader.Skip((long)count * SizeOf(type));
            return [];
        }

        var numbers = new double[count];
        for (var i = 0; i < count; i++)
        {
            numbers[i] = type switch
            {
                GgufValueType.Float32 => BitConverter.UInt32BitsToSingle(reader.UInt32()),
                GgufValueType.Float64 => BitConverter.UInt64BitsToDouble(reader.UInt64()),
                GgufValueType.Bool => reader.Byte(),
                _ => (double)Whole(reader, type),
            };
        }

        return numbers;
    }

    // Of a text, its length alone.
    private static int SizeOf(GgufValueType type) => type switch
    {
        GgufValueType.UInt8 or GgufValueType.Int8 or GgufValueType.Bool => 1,
        GgufValueType.UInt16 or GgufValueType.Int16 => 2,
        GgufValueType.UInt32 or GgufValueType.Int32 or GgufValueType.Float32 => 4,
        _ => 8,
    };
}
