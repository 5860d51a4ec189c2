using System.Globalization;

namespace Rlhf.Text.Templates;

/// <summary>A clock that stands still at noon of a day, for templates that write the date: the same ids whenever they are asked for.</summary>
internal sealed class FixedDate : TimeProvider
{
    /// <summary>How the day is written in recipes and model folders.</summary>
    public const string Form = "yyyy-MM-dd";

    private readonly DateOnly _day;

    private FixedDate(DateOnly day) => _day = day;

    /// <inheritdoc/>
    public override TimeZoneInfo LocalTimeZone => TimeZoneInfo.Utc;

    /// <summary>Reads a day; null where the text is none.</summary>
    public static FixedDate? Parse(string text) =>
        DateOnly.TryParseExact(text, Form, CultureInfo.InvariantCulture, DateTimeStyles.None, out var day) ? new FixedDate(day) : null;

    /// <inheritdoc/>
    public override DateTimeOffset GetUtcNow() => new(_day, new TimeOnly(12, 0), TimeSpan.Zero);
}
