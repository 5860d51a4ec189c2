using System.Globalization;

namespace Rlhf.Reports;

/// <summary>Lengths of time for people.</summary>
public static class Durations
{
    /// <summary>12 s, 3:07 min, 2:05 h: two figures' worth, whatever the size.</summary>
    public static string Short(double seconds)
    {
        if (!double.IsFinite(seconds) || seconds < 0)
        {
            return "?";
        }

        if (seconds < 10)
        {
            return seconds.ToString("0.0", CultureInfo.InvariantCulture) + " s";
        }

        if (Math.Round(seconds) < 60)
        {
            return seconds.ToString("0", CultureInfo.InvariantCulture) + " s";
        }

        var whole = (long)Math.Min(Math.Round(seconds), 1e12);
        return whole < 3600
            ? string.Create(CultureInfo.InvariantCulture, $"{whole / 60}:{whole % 60:00} min")
            : string.Create(CultureInfo.InvariantCulture, $"{whole / 3600}:{whole / 60 % 60:00} h");
    }
}
