using System.Text.Json;
using Rlhf.Quickstart;

namespace Rlhf.Tests.Quickstart;

public sealed class QuickstartDataTests : IDisposable
{
    private static readonly QuickstartCounts Few = new(Demonstrations: 40, Prompts: 30, Texts: 10);
    private readonly string folder = Directory.CreateTempSubdirectory("rlhf-quickstart-").FullName;

    public void Dispose() => Directory.Delete(folder, recursive: true);

    [Fact]
    public void The_same_counts_and_seed_give_the_same_bytes()
    {
        QuickstartData.Write(Path.Combine(folder, "a"), Few);
        QuickstartData.Write(Path.Combine(folder, "b"), Few);
        Assert.All(Directory.GetFiles(Path.Combine(folder, "a")), file =>
            Assert.Equal(File.ReadAllBytes(file), File.ReadAllBytes(Path.Combine(folder, "b", Path.GetFileName(file)))));
    }

    [Fact]
    public void Every_set_has_its_rows_and_no_prompt_stands_in_two_sets()
    {
        QuickstartData.Write(folder, Few);
        var demonstrations = Read("demonstrations.jsonl", "prompt");
        var prompts = Read("prompts.jsonl", "prompt");
        Assert.Equal((40, 30, 10), (demonstrations.Length, prompts.Length, Read("text.jsonl", "text").Length));
        Assert.Equal(70, demonstrations.Concat(prompts).Distinct().Count());
        Assert.All(Read("demonstrations.jsonl", "response"), Assert.NotEmpty);
    }

    [Fact]
    public void An_address_names_one_set() =>
        Assert.Equal(Path.Combine(folder, "prompts.jsonl"), QuickstartData.WriteSet("quickstart:prompts", folder, Few));

    [Fact]
    public void An_unknown_address_is_an_error_that_lists_the_known_ones() =>
        Assert.Contains("quickstart:text", Assert.Throws<InputException>(() => QuickstartData.WriteSet("quickstart:poems", folder)).Message, StringComparison.Ordinal);

    private string[] Read(string file, string key) =>
        [.. File.ReadLines(Path.Combine(folder, file)).Select(line => JsonDocument.Parse(line).RootElement.GetProperty(key).GetString()!)];
}
