using System.Globalization;
using System.Numerics;
using System.Text;
using System.Text.Json;
using System.Text.Unicode;

namespace Rlhf.Data;

/// <summary>Writes values of tables as the JSON that the same value has in JSON lines.</summary>
internal static class TableJson
{
    private const long TicksPerDay = TimeSpan.TicksPerDay;

    /// <summary>A number; one that JSON has not (NaN, infinity) is written as its name, so that nothing takes it for a score.</summary>
    public static void WriteNumber(Utf8JsonWriter writer, double value)
    {
        if (double.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>The same of four bytes, with no more digits than it has.</summary>
    public static void WriteNumber(Utf8JsonWriter writer, float value)
    {
        if (float.IsFinite(value))
        {
            writer.WriteNumberValue(value);
        }
        else
        {
            writer.WriteStringValue(value.ToString(CultureInfo.InvariantCulture));
        }
    }

    /// <summary>A decimal number with all its digits.</summary>
    public static void WriteDecimal(Utf8JsonWriter writer, BigInteger value, int scale)
    {
        if (scale is < 0 or > 100)
        {
            throw new InvalidDataException("a decimal number has a scale that cannot be");
        }

        var digits = BigInteger.Abs(value).ToString(CultureInfo.InvariantCulture).PadLeft(scale + 1, '0');
        var text = (value.Sign < 0 ? "-" : "") + digits[..^scale] + (scale > 0 ? "." + digits[^scale..] : "");
        writer.WriteRawValue(text, skipInputValidation: true);
    }

    /// <summary>A text; bytes that are none are written as an object, which no reader takes for a text.</summary>
    public static void WriteText(Utf8JsonWriter writer, ReadOnlySpan<byte> value, bool mustBeText, string column)
    {
        if (mustBeText || Utf8.IsValid(value))
        {
            Text(value, column);
            writer.WriteStringValue(value);
            return;
        }

        writer.WriteStartObject();
        writer.WriteBase64String("bytes", value);
        writer.WriteEndObject();
    }

    /// <summary>UTF-8 as a text.</summary>
    /// <exception cref="InvalidDataException">It is not UTF-8.</exception>
    public static string Text(ReadOnlySpan<byte> value, string column) => Utf8.IsValid(value)
        ? Encoding.UTF8.GetString(value)
        : throw new InvalidDataException($"a text of the column \"{column}\" is not UTF-8");

    /// <summary>A day, as in <c>2026-01-31</c>.</summary>
    /// <param name="days">Days from 1970-01-01.</param>
    public static string Date(long days) => At(Checked(days, 1) * TicksPerDay).ToString("yyyy-MM-dd", CultureInfo.InvariantCulture);

    /// <summary>A time of day.</summary>
    /// <param name="value">In units of 10^-<paramref name="scale"/> seconds.</param>
    /// <param name="scale">0, 3, 6 or 9.</param>
    public static string Time(long value, int scale) => Timestamp(value, scale)["yyyy-MM-ddT".Length..];

    /// <summary>A moment without its zone, with milliseconds, and with more digits where it has them: <c>2023-11-14T22:13:20.123</c>.</summary>
    /// <param name="value">In units of 10^-<paramref name="scale"/> seconds from 1970.</param>
    /// <param name="scale">0, 3, 6 or 9.</param>
    public static string Timestamp(long value, int scale)
    {
        var unit = (long)Math.Pow(10, scale);
        var seconds = Math.DivRem(value, unit, out var part);
        if (part < 0)
        {
            (seconds, part) = (seconds - 1, part + unit);
        }

        var digits = part.ToString(CultureInfo.InvariantCulture).PadLeft(scale, '0')[..scale].PadRight(9, '0');
        var shown = digits[3..].All(digit => digit == '0') ? digits[..3] : digits[6..].All(digit => digit == '0') ? digits[..6] : digits;
        var whole = At(Checked(seconds, 86_400) * TimeSpan.TicksPerSecond).ToString("yyyy-MM-dd'T'HH:mm:ss.", CultureInfo.InvariantCulture);
        return whole + shown;
    }

    private static DateTime At(long ticks) => DateTime.UnixEpoch.AddTicks(ticks);

    private static long Checked(long value, long perDay) => value / perDay is > -719_000 and < 2_900_000
        ? value
        : throw new InvalidDataException("a time lies outside of the years 1 to 9999");
}
