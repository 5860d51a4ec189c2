using System.Globalization;
using System.Text.RegularExpressions;

namespace Rlhf.Core;

/// <summary>Sizes of files as people write them: <c>2GB</c>, <c>500MB</c>, <c>1.5GiB</c>.</summary>
public static partial class ByteSize
{
    /// <summary>What is expected, for messages.</summary>
    public const string Form = "a size such as 2GB, 500MB or 1.5GiB";

    /// <summary>The bytes; null for a text that is no size, or one that no file has.</summary>
    public static long? Parse(string text)
    {
        var match = Written().Match(text);
        if (!match.Success || !double.TryParse(match.Groups[1].ValueSpan, NumberStyles.AllowDecimalPoint, CultureInfo.InvariantCulture, out var number))
        {
            return null;
        }

        var power = match.Groups[2].Length == 0 ? 0 : 1 + "KMGT".IndexOf(char.ToUpperInvariant(match.Groups[2].Value[0]), StringComparison.Ordinal);
        var bytes = number * Math.Pow(match.Groups[3].Length > 0 ? 1024 : 1000, power);
        return bytes is >= 1 and < 1e18 ? (long)bytes : null;
    }

    [GeneratedRegex(@"\A([0-9]+(?:\.[0-9]+)?) ?(?:([KMGT])(i)?)?B?\z", RegexOptions.IgnoreCase)]
    private static partial Regex Written();
}
