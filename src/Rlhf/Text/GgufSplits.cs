using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>How a byte-level BPE tokenizer cuts texts into words, under the names that llama.cpp has for it.</summary>
/// <param name="Patterns">Regular expressions, one after the other: each cuts what the ones before have left whole.</param>
/// <param name="IgnoresMerges">A word that is a token as a whole is that token.</param>
/// <param name="AddsBeginning">The beginning-of-sequence token is put in front where the file does not say.</param>
internal sealed record GgufSplit(string[] Patterns, bool IgnoresMerges = false, bool AddsBeginning = false);

/// <summary>The names of pre-tokenizers in GGUF files that are known.</summary>
internal static class GgufSplits
{
    /// <summary>The name that stands for no name.</summary>
    public const string Default = "default";

    /// <summary>A single digit, which smollm and its like cut off before GPT-2's pattern.</summary>
    public const string Digit = @"\p{N}";

    private const string Cjk = "[\u4e00-\u9fa5\u0800-\u4e00\uac00-\ud7ff]+";
    private const string CjkAndKana = "[\u4e00-\u9fa5\u3040-\u309f\u30a0-\u30ff]+";
    private const string Contraction = "(?i:'s|'t|'re|'ve|'m|'ll|'d)";
    private const string Words = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]*[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]+";
    private const string Capitals = "[^\\r\\n\\p{L}\\p{N}]?[\\p{Lu}\\p{Lt}\\p{Lm}\\p{Lo}\\p{M}]+[\\p{Ll}\\p{Lm}\\p{Lo}\\p{M}]*";
    private const string Symbols = " ?[^\\s\\p{L}\\p{N}]+[\\r\\n/]*|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+";

    private static readonly string[] Punctuation = ["[!-/:-~\uff01-\uff0f\uff1a-\uff5e\u2018-\u201f\u3000-\u3002]+"];

    private static readonly string[] Gpt2 = [SplitPattern.Gpt2];
    private static readonly string[] SingleDigits = [Digit, SplitPattern.Gpt2];
    private static readonly string[] NoSentenceMarks = [" ?[^(\\s|.,!?\u2026\u3002\uff0c\u3001\u0964\u06d4\u060c)]+"];

    private static readonly Dictionary<string, GgufSplit> Known = Create(
        (["gpt-2", "phi-2", "gigachat", "a.x-4.0", "mellum", "exaone4", "mpt", "olmo", "jais", "trillion", "granite-docling"], new(Gpt2)),
        (["smollm", "starcoder", "refact", "command-r", "codeshell", "exaone", "minerva-7b", "mellum2"], new(SingleDigits)),
        (["qwen2", "deepseek-r1-qwen", "kormo", "megrez", "f2llmv2", "stablelm2", "hunyuan", "solar-open", "grok-2"], new([SplitPattern.Qwen])),
        (["llama-bpe", "llama3", "llama-v3", "falcon3", "falcon-h1", "pixtral", "midm-2.0", "lfm2"], new([SplitPattern.Llama3], true, true)),
        (["dbrx", "smaug-bpe", "glm4", "chatglm-bpe"], new([SplitPattern.Llama3])),
        ([Default], new(["[\\p{P}\\$\\+<=>\\^~\\|]+", SplitPattern.Gpt2, "\\p{N}+", "[0-9][0-9][0-9]"])),
        (["falcon"], new(["[\\p{P}\\$\\+<=>\\^~\\|`]+", SplitPattern.Gpt2, "[0-9][0-9][0-9]"])),
        (["bloom", "poro-chat", "gpt3-finnish"], new(NoSentenceMarks)),
        (["viking"], new([.. NoSentenceMarks, Digit])),
        (["deepseek-coder"], new(["[\r\n]", "\\s?\\p{L}+", "\\s?\\p{P}+", Cjk, Digit])),
        (["deepseek-llm"], new(["[\r\n]", "\\s?" + CasedLetters, "\\s?" + Punctuation[0], "\\s+$", Cjk, "\\p{N}+"])),
        (["deepseek-v3", "hunyuan-dense", "joyai-llm"], new(["\\p{N}{1,3}", CjkAndKana, DeepSeek3])),
        (["tekken"], new([$"{Words}|{Capitals}|\\p{{N}}|{Symbols}"], true, true)),
        (["gpt-4o", "llama4", "kanana2"], new([$"{Words}{Contraction}?|{Capitals}{Contraction}?|\\p{{N}}{{1,3}}|{Symbols}"])),
        (["seed-coder"], new(
            [$"{Contraction}|[^\\r\\n\\p{{L}}\\p{{N}}]?\\p{{L}}+|\\p{{N}}| ?[^\\s\\p{{L}}\\p{{N}}\\r\\n]+|\\s*[\\r\\n]+|\\s+(?!\\S)|\\s+"])));

    /// <summary>Letters of scripts with upper and lower case. Those beyond U+FFFF (Deseret and the like) stand as pairs of code units nowhere here, and are
    /// left to the bytes.</summary>
    private const string CasedLetters =
        "[A-Za-z\u00b5\u00c0-\u00d6\u00d8-\u00f6\u00f8-\u01ba\u01bc-\u01bf\u01c4-\u0293\u0295-\u02af\u0370-\u0373\u0376\u0377\u037b-\u037d\u037f"
        + "\u0386\u0388-\u038a\u038c\u038e-\u03a1\u03a3-\u03f5\u03f7-\u0481\u048a-\u052f\u0531-\u0556\u10a0-\u10c5\u13a0-\u13f5\u13f8-\u13fd"
        + "\u1c90-\u1cba\u1cbd-\u1cbf\u1d00-\u1d2b\u1d6b-\u1d77\u1d79-\u1d9a\u1e00-\u1f15\u1f18-\u1f1d\u1f20-\u1f45\u1f48-\u1f4d\u1f50-\u1f57"
        + "\u1f59\u1f5b\u1f5d\u1f5f-\u1f7d\u1f80-\u1fb4\u1fb6-\u1fbc\u1fbe\u1fc2-\u1fc4\u1fc6-\u1fcc\u1fd0-\u1fd3\u1fd6-\u1fdb\u1fe0-\u1fec"
        + "\u1ff2-\u1ff4\u1ff6-\u1ffc\u2102\u2107\u210a-\u2113\u2115\u2119-\u211d\u2124\u2126\u2128\u212a-\u212d\u212f-\u2134\u2139\u213c-\u213f"
        + "\u2145-\u2149\u214e\u2183\u2184\u2c00-\u2c7b\u2c7e-\u2ce4\u2ceb-\u2cee\u2cf2\u2cf3\ua640-\ua66d\ua680-\ua69b\ua722-\ua76f\ua771-\ua787"
        + "\ua78b-\ua78e\uab70-\uabbf\ufb00-\ufb06\ufb13-\ufb17\uff21-\uff3a\uff41-\uff5a]+";

    private const string DeepSeek3 =
        "[!\"#$%&'()*+,\\-./:;<=>?@\\[\\\\\\]^_`{|}~][A-Za-z]+|[^\r\n\\p{L}\\p{P}\\p{S}]?[\\p{L}\\p{M}]+| ?[\\p{P}\\p{S}]+[\r\n]*|\\s*[\r\n]+|\\s+(?!\\S)|\\s+";

    /// <summary>Every name that is known.</summary>
    public static IEnumerable<string> Names => Known.Keys.Order(StringComparer.Ordinal);

    /// <summary>How a name cuts, or null.</summary>
    public static GgufSplit? Find(string name) => Known.GetValueOrDefault(name);

    /// <summary>The first name with these patterns and rules, or null.</summary>
    public static string? NameOf(IReadOnlyList<string> patterns, bool ignoresMerges) =>
        Known.Where(pair => pair.Value.Patterns.SequenceEqual(patterns) && pair.Value.IgnoresMerges == ignoresMerges).Select(pair => pair.Key).FirstOrDefault();

    private static Dictionary<string, GgufSplit> Create(params (string[] Names, GgufSplit Split)[] splits) =>
        splits.SelectMany(entry => entry.Names.Select(name => (name, entry.Split))).ToDictionary(StringComparer.Ordinal);
}
