using System.Globalization;

namespace Rlhf.Reports;

/// <summary>Numbers for people: about three figures, no noise.</summary>
public static class NumberText
{
    private static readonly CultureInfo Invariant = CultureInfo.InvariantCulture;

    /// <summary>1.77, 0.05, 12,345, 3.5 M, 1e-5.</summary>
    public static string Short(double value)
    {
        var size = Math.Abs(value);
        return size switch
        {
            _ when !double.IsFinite(value) => value.ToString(Invariant),
            0 => "0",
            < 1e-3 => value.ToString("0.##e-0", Invariant),
            < 0.1 => Trim(value.ToString("0.0000", Invariant)),
            < 10 => Trim(value.ToString("0.000", Invariant)),
            < 100 => Trim(value.ToString("0.00", Invariant)),
            < 1000 => Trim(value.ToString("0.0", Invariant)),
            < 1e6 => value.ToString("#,0", Invariant),
            < 1e9 => Trim((value / 1e6).ToString("0.00", Invariant)) + " M",
            < 1e12 => Trim((value / 1e9).ToString("0.00", Invariant)) + " G",
            _ => value.ToString("0.##e0", Invariant),
        };
    }

    /// <summary>A number in a sentence: what two decimals show as nothing is nothing there (0.00 nats, not 4.98e-5).</summary>
    public static string InSentence(double value) => Math.Abs(value) < 0.005 ? Fixed(0) : Short(value);

    /// <summary>Two decimals, with a sign if asked: for scores that stand under one another.</summary>
    public static string Fixed(double value, bool sign = false, int decimals = 2)
    {
        var text = value.ToString("F" + decimals.ToString(Invariant), Invariant).TrimStart('-');
        return text.All(character => character is '0' or '.') ? text : value < 0 ? "-" + text : sign ? "+" + text : text;
    }

    /// <summary>97 %.</summary>
    public static string Percent(double share) => (100 * share).ToString(Math.Abs(share) is > 0 and < 0.0995 ? "0.0" : "0", Invariant) + " %";

    /// <summary>A figure by its unit, without its interval.</summary>
    public static string Of(Figure figure) => figure.Unit == "share" ? Percent(figure.Value) : Short(figure.Value) + UnitOf(figure);

    /// <summary>The interval, or nothing: <c>[1.60, 1.93]</c>.</summary>
    public static string IntervalOf(Figure figure) => figure is { Low: { } low, High: { } high }
        ? figure.Unit == "share" ? $"[{Percent(low)}, {Percent(high)}]" : $"[{End(low, high)}, {End(high, low)}]"
        : "";

    // Both ends of an interval with the same decimals, where two are enough.
    private static string End(double end, double other) =>
        Math.Max(Math.Abs(end), Math.Abs(other)) is >= 0.1 and < 100 ? Fixed(end) : Short(end);

    /// <summary>Axis ticks: as few decimals as their distance needs.</summary>
    public static string Tick(double value, double distance)
    {
        var size = Math.Max(Math.Abs(value), distance);
        if (value == 0)
        {
            return "0";
        }

        if (size >= 1e4)
        {
            var (scale, suffix) = size >= 1e9 ? (1e9, "G") : size >= 1e6 ? (1e6, "M") : (1e3, "k");
            return Trim((value / scale).ToString("0.00", Invariant)) + suffix;
        }

        if (distance < 1e-3)
        {
            return value.ToString("0.##e-0", Invariant);
        }

        var decimals = Math.Clamp((int)Math.Ceiling(-Math.Log10(distance) - 1e-9), 0, 6);
        return value.ToString("F" + decimals.ToString(Invariant), Invariant);
    }

    private static string UnitOf(Figure figure) => string.IsNullOrEmpty(figure.Unit) ? "" : " " + figure.Unit;

    private static string Trim(string number) => number.Contains('.', StringComparison.Ordinal) ? number.TrimEnd('0').TrimEnd('.') : number;
}
