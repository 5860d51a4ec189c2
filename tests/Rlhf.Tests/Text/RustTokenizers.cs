using System.Globalization;
using System.Text;

namespace Rlhf.Tests.Text;

/// <summary>Hugging Face's own library (written in Rust) as NuGet's Tokenizers.DotNet carries it: a second opinion on ids.</summary>
internal sealed class RustTokenizers : IDisposable
{
    private readonly Tokenizers.DotNet.Tokenizer _tokenizer;

    public RustTokenizers(string file) => _tokenizer = new Tokenizers.DotNet.Tokenizer(file);

    public void Dispose() => _tokenizer.Dispose();

    /// <summary>Why it cannot be used on this machine; null where it can.</summary>
    public static string? WhyNot { get; } = TryLoad();

    /// <summary>Ids of a text, with the special tokens of the post-processor.</summary>
    public int[] Encode(string text) => [.. _tokenizer.Encode(text).Select(static id => (int)id)];

    /// <summary>Texts of many kinds, the same in each run: written ones, and random ones of characters that tokenizers treat apart.</summary>
    public static IEnumerable<string> Texts(int random)
    {
        foreach (var text in Written)
        {
            yield return text;
        }

        var numbers = new Random(Seed: 7);
        for (var i = 0; i < random; i++)
        {
            var text = new StringBuilder();
            for (var length = numbers.Next(1, 30); length > 0; length--)
            {
                var (first, last) = Blocks[numbers.Next(Blocks.Length)];
                for (var run = numbers.Next(1, 5); run > 0; run--)
                {
                    var codePoint = numbers.Next(first, last + 1);

                    // What one Unicode version assigns and another does not is no fault of either.
                    if (CharUnicodeInfo.GetUnicodeCategory(codePoint) != UnicodeCategory.OtherNotAssigned)
                    {
                        text.Append(char.ConvertFromUtf32(codePoint));
                    }
                }
            }

            yield return text.ToString();
        }
    }

    private static readonly string[] Written =
    [
        "Hello, world!", "  two  spaces and a tab\t.", "I'm, you'RE, we'll've, 'S 'ſ it's O'Neill", "12345 1,234.56 ٣٤٥ 三千 ½ Ⅳ 1st", "a\n\n b\r\n\tc \n",
        "snake_case CamelCaseHTMLParser __init__", "Füße, naïve café, Ångström, Ελληνικά, Русский", "日本語のテキスト。カタカナ、ひらがな、漢字", "中文没有空格，标点。", "한국어 문장입니다.",
        "ภาษาไทยไม่มีช่องว่าง", "हिन्दी में लिखा", "العربية من اليمين 123", "עברית שלום", "👩‍👩‍👧‍👦 👍🏽 🇩🇪 ❤️", "𝔘𝔫𝔦𝔠𝔬𝔡𝔢 𝟘𝟙𝟚 𠀀𠮷",
        "e\u0301 cafe\u0301 \u1100\u1161", "x = {'a': [1, 2], \"b\": None}  # comment\nfor i in range(10):\n    print(i)", "https://example.org/a?b=c&d=%20",
        "<|endoftext|><s></s>[INST] <|im_start|>user\n", "    indented\n\n\n\n        more", "zero\u200Bwidth\u00A0nbsp\u3000ideographic\u2028line",
        "…—–“”‘’«»¿¡", "C++ C# F# .NET $100 €5 #tag @name", "A", " ", "\n", "", "ﬁ ﬂ ① ㍿ ＡＢＣ", "don't DON'T Don'T ’s ‘tis",
    ];

    private static readonly (int First, int Last)[] Blocks =
    [
        (0x20, 0x7E), (0x20, 0x20), (0x09, 0x0D), (0x30, 0x39), (0x41, 0x5A), (0x61, 0x7A), (0xA0, 0xFF), (0x100, 0x24F), (0x300, 0x36F), (0x391, 0x3C9),
        (0x410, 0x44F), (0x5D0, 0x5EA), (0x620, 0x669), (0x905, 0x96F), (0xE01, 0xE5B), (0x1100, 0x11FF), (0x2000, 0x206F), (0x2070, 0x209C),
        (0x20A0, 0x20BF), (0x2150, 0x218B), (0x2460, 0x24FF), (0x3000, 0x303F), (0x3041, 0x3096), (0x30A1, 0x30FF), (0x3400, 0x34FF), (0x4E00, 0x4FFF),
        (0xAC00, 0xACFF), (0xFF01, 0xFFEE), (0x1D400, 0x1D7FF), (0x1F300, 0x1F64F), (0x20000, 0x200FF), (0x10330, 0x1034A),
    ];

    private static string? TryLoad()
    {
        try
        {
            using var folder = new TestFolder();
            var file = folder.PathOf("tokenizer.json");
            File.WriteAllText(file, """{"model": {"type": "BPE", "vocab": {"a": 0}, "merges": []}, "added_tokens": []}""");
            using var tokenizer = new RustTokenizers(file);
            return tokenizer.Encode("a") is [0] ? null : "the library does not encode a single letter";
        }
        catch (Exception exception)
        {
            return $"NuGet's Tokenizers.DotNet cannot be used here: {exception.Message}";
        }
    }
}
