using System.Buffers.Binary;
using System.Security.Cryptography;
using System.Text;
using System.Text.RegularExpressions;

namespace Rlhf.Data;

/// <summary>
/// Splits by prompt, never by row: all rows of a prompt fall on the same side, in every file, stage and run, since the side depends on
/// nothing but the prompt's text, in which white space at the ends does not count and a run of it counts as one line feed or space: u = the first 8 hexadecimal
/// digits of sha256(UTF-8 text) as a number, over 2^32; held out where u &lt; fraction.
/// </summary>
public static partial class PromptSplit
{
    /// <summary>The first 8 hexadecimal digits of the text's SHA-256 as a number, from 0 to 2^32 - 1.</summary>
    public static uint Hash(string text) => BinaryPrimitives.ReadUInt32BigEndian(SHA256.HashData(Encoding.UTF8.GetBytes(text)));

    /// <summary>
    /// Whether a prompt belongs to the held-out share. A <paramref name="salt"/> (hashed in front of the prompt, with a line feed between) gives
    /// an independent share, as for a second reward model that is trained on other rows.
    /// </summary>
    public static bool IsHeldOut(string promptText, double fraction, string? salt = null) => PartOf(promptText, [fraction], salt) == 0;

    /// <summary>
    /// The part of an n-way split: 0 where u lies below the first fraction, 1 where it lies in the next, and so on; the number of fractions for the rest.
    /// </summary>
    public static int PartOf(string promptText, IReadOnlyList<double> fractions, string? salt = null)
    {
        if (fractions.Any(fraction => !(fraction >= 0)) || fractions.Sum() > 1 + 1e-9)
        {
            throw new InputException("The fractions of a split must not be negative nor exceed 1 together.");
        }

        var normal = Normalized(promptText);
        var hash = Hash(salt is null ? normal : salt + "\n" + normal);
        double upper = 0;
        for (var part = 0; part < fractions.Count; part++)
        {
            upper += fractions[part];
            if (hash < upper * 4294967296.0)
            {
                return part;
            }
        }

        return fractions.Count;
    }

    /// <summary>The text without white space at its ends, every run of white space in it as one line feed, where it has one, or else one space.</summary>
    public static string Normalized(string text) => WhiteSpace().Replace(text.Trim(), run => run.ValueSpan.IndexOfAny('\n', '\r') >= 0 ? "\n" : " ");

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();

    /// <summary>The rule of <see cref="DemonstrationPick.Mixed"/>: whether the chosen answer is the demonstration.</summary>
    public static bool PicksChosen(string promptText, string chosen) => Hash("demo\n" + promptText + "\n" + chosen) % 2 == 1;
}
