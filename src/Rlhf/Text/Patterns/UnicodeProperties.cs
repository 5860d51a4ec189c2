using System.Collections.Concurrent;
using System.Globalization;

namespace Rlhf.Text.Patterns;

/// <summary>
/// The sets behind <c>\p{…}</c>, <c>[:…:]</c>, <c>\s</c>, <c>\w</c> and <c>\d</c>: general categories as .NET knows them, scripts and derived
/// properties by table.
/// </summary>
internal static class UnicodeProperties
{
    private const string Table = "unicode-properties.txt";

    private static readonly (string Short, string Long, UnicodeCategory[] Categories)[] Categories =
    [
        ("L", "Letter", [.. Span(UnicodeCategory.UppercaseLetter, UnicodeCategory.OtherLetter)]),
        ("LC", "Cased_Letter", [.. Span(UnicodeCategory.UppercaseLetter, UnicodeCategory.TitlecaseLetter)]),
        ("Lu", "Uppercase_Letter", [UnicodeCategory.UppercaseLetter]),
        ("Ll", "Lowercase_Letter", [UnicodeCategory.LowercaseLetter]),
        ("Lt", "Titlecase_Letter", [UnicodeCategory.TitlecaseLetter]),
        ("Lm", "Modifier_Letter", [UnicodeCategory.ModifierLetter]),
        ("Lo", "Other_Letter", [UnicodeCategory.OtherLetter]),
        ("M", "Mark", [.. Span(UnicodeCategory.NonSpacingMark, UnicodeCategory.EnclosingMark)]),
        ("Mn", "Nonspacing_Mark", [UnicodeCategory.NonSpacingMark]),
        ("Mc", "Spacing_Mark", [UnicodeCategory.SpacingCombiningMark]),
        ("Me", "Enclosing_Mark", [UnicodeCategory.EnclosingMark]),
        ("N", "Number", [.. Span(UnicodeCategory.DecimalDigitNumber, UnicodeCategory.OtherNumber)]),
        ("Nd", "Decimal_Number", [UnicodeCategory.DecimalDigitNumber]),
        ("Nl", "Letter_Number", [UnicodeCategory.LetterNumber]),
        ("No", "Other_Number", [UnicodeCategory.OtherNumber]),
        ("P", "Punctuation", [.. Span(UnicodeCategory.ConnectorPunctuation, UnicodeCategory.OtherPunctuation)]),
        ("Pc", "Connector_Punctuation", [UnicodeCategory.ConnectorPunctuation]),
        ("Pd", "Dash_Punctuation", [UnicodeCategory.DashPunctuation]),
        ("Ps", "Open_Punctuation", [UnicodeCategory.OpenPunctuation]),
        ("Pe", "Close_Punctuation", [UnicodeCategory.ClosePunctuation]),
        ("Pi", "Initial_Punctuation", [UnicodeCategory.InitialQuotePunctuation]),
        ("Pf", "Final_Punctuation", [UnicodeCategory.FinalQuotePunctuation]),
        ("Po", "Other_Punctuation", [UnicodeCategory.OtherPunctuation]),
        ("S", "Symbol", [.. Span(UnicodeCategory.MathSymbol, UnicodeCategory.OtherSymbol)]),
        ("Sm", "Math_Symbol", [UnicodeCategory.MathSymbol]),
        ("Sc", "Currency_Symbol", [UnicodeCategory.CurrencySymbol]),
        ("Sk", "Modifier_Symbol", [UnicodeCategory.ModifierSymbol]),
        ("So", "Other_Symbol", [UnicodeCategory.OtherSymbol]),
        ("Z", "Separator", [.. Span(UnicodeCategory.SpaceSeparator, UnicodeCategory.ParagraphSeparator)]),
        ("Zs", "Space_Separator", [UnicodeCategory.SpaceSeparator]),
        ("Zl", "Line_Separator", [UnicodeCategory.LineSeparator]),
        ("Zp", "Paragraph_Separator", [UnicodeCategory.ParagraphSeparator]),
        ("C", "Other", [.. Span(UnicodeCategory.Control, UnicodeCategory.PrivateUse), UnicodeCategory.OtherNotAssigned]),
        ("Cc", "Control", [UnicodeCategory.Control]),
        ("Cf", "Format", [UnicodeCategory.Format]),
        ("Cs", "Surrogate", [UnicodeCategory.Surrogate]),
        ("Co", "Private_Use", [UnicodeCategory.PrivateUse]),
        ("Cn", "Unassigned", [UnicodeCategory.OtherNotAssigned]),
    ];

    private static readonly ConcurrentDictionary<string, CodePointSet> Known = new();
    private static readonly Lazy<Dictionary<string, CodePointSet>> Listed = new(ReadTable);

    /// <summary><c>\s</c>: Unicode's White_Space, all of it in the basic plane.</summary>
    public static CodePointSet WhiteSpace =>
        Named("WhiteSpace", static () => CodePointSet.Where(static c => c <= char.MaxValue && char.IsWhiteSpace((char)c)));

    /// <summary>
    /// <c>\w</c>: alphabetic characters, marks, decimal digits, connectors, and of Latin-1 (where Oniguruma has a table of its own) every number.
    /// </summary>
    public static CodePointSet Word => Named("Word", static () =>
        Find("alphabetic")!.Union(Find("m")!).Union(Find("nd")!).Union(Find("pc")!).Union(CodePointSet.Where([0xB2, 0xB3, 0xB9, 0xBC, 0xBD, 0xBE])));

    /// <summary>
    /// The set of a property, by its name without regard to case, spaces, hyphens and underscores: a general category, a script (<c>Han</c>,
    /// <c>sc=Han</c>), <c>Any</c>, <c>Assigned</c>, <c>ASCII</c>, <c>Alphabetic</c>, <c>Lowercase</c>, <c>Uppercase</c>, <c>White_Space</c>, or one of POSIX.
    /// Null where there is none.
    /// </summary>
    public static CodePointSet? Find(string name)
    {
        var plain = Plain(name);
        foreach (var prefix in (ReadOnlySpan<string>)["script=", "sc=", "generalcategory=", "gc="])
        {
            plain = plain.StartsWith(prefix, StringComparison.Ordinal) ? plain[prefix.Length..] : plain;
        }

        var index = Array.FindIndex(Categories, category => Plain(category.Short) == plain || Plain(category.Long) == plain);
        return index >= 0
            ? Named(Categories[index].Short, () => CodePointSet.Where(c => Categories[index].Categories.Contains(CharUnicodeInfo.GetUnicodeCategory(c))))
            : plain switch
            {
                "any" => CodePointSet.All,
                "ascii" => CodePointSet.Range(0, 0x7F),
                "assigned" => Find("cn")!.Complement(),
                "space" or "whitespace" => WhiteSpace,
                "word" => Word,
                "digit" => Find("nd"),
                "alpha" => Find("alphabetic"),
                "upper" => Find("uppercase"),
                "lower" => Find("lowercase"),
                "alnum" => Find("alphabetic")!.Union(Find("nd")!),
                "punct" => Find("p")!.Union(Find("s")!),
                "cntrl" => Find("cc"),
                "blank" => Find("zs")!.Union(CodePointSet.Of('\t')),
                "xdigit" => CodePointSet.Range('0', '9').Union(CodePointSet.Range('A', 'F')).Union(CodePointSet.Range('a', 'f')),
                _ => Listed.Value.GetValueOrDefault(plain),
            };
    }

    private static CodePointSet Named(string name, Func<CodePointSet> make) => Known.GetOrAdd(name, _ => make());

    private static IEnumerable<UnicodeCategory> Span(UnicodeCategory first, UnicodeCategory last) =>
        Enumerable.Range((int)first, last - first + 1).Select(static category => (UnicodeCategory)category);

    private static string Plain(string name) => string.Concat(name.Where(static c => c is not ('_' or '-' or ' '))).ToLowerInvariant();

    private static Dictionary<string, CodePointSet> ReadTable()
    {
        var sets = new Dictionary<string, CodePointSet>();
        using var stream = typeof(UnicodeProperties).Assembly.GetManifestResourceStream(Table)!;
        using var reader = new StreamReader(stream);
        while (reader.ReadLine() is { } line)
        {
            if (line.Split(' ') is not ["#", ..] and [var name, var other, .. var ranges])
            {
                sets[Plain(name)] = new CodePointSet([.. ranges.SelectMany(BoundsOf)]);
                sets[other == "-" ? Plain(name) : Plain(other)] = sets[Plain(name)];
            }
        }

        return sets;
    }

    private static int[] BoundsOf(string range)
    {
        var ends = range.Split('-').Select(static end => int.Parse(end, NumberStyles.AllowHexSpecifier, CultureInfo.InvariantCulture)).ToArray();
        return [ends[0], ends[^1] + 1];
    }
}
