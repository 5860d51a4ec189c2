using System.Diagnostics;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Model.Checkpoints;
using Rlhf.Runs;
using Rlhf.Text;
using Rlhf.World;

namespace Rlhf.Tests.Core;

/// <summary>Files that are pipes, devices or far too long are refused; none of these tests may wait.</summary>
public class WholeFileTests
{
    private const int Patience = 60_000;

    [Theory]
    [InlineData("tokenizer.json", "/dev/zero")]
    [InlineData("tokenizer.json", "pipe")]
    [InlineData("tokenizer_config.json", "/dev/zero")]
    [InlineData("vocab.json", "pipe")]
    [InlineData("chat_template.jinja", "pipe")]
    public void A_tokenizers_file_that_is_a_device_or_pipe_is_not_waited_for(string name, string target) => Unix(folder =>
    {
        Sound().Save(folder.Path);
        Put(folder, name, target);
        Finish(() =>
        {
            var failure = Record.Exception(() => Tokenizer.Load(folder.Path).ChatTemplate);
            Assert.True(failure is InputException or null, failure?.ToString());
        });
    });

    [Theory]
    [InlineData("config.json", "/dev/zero")]
    [InlineData("config.json", "pipe")]
    [InlineData("model.safetensors", "/dev/zero")]
    [InlineData("model.safetensors", "pipe")]
    public void A_models_file_that_is_a_device_or_pipe_is_refused(string name, string target) => Unix(folder =>
    {
        foreach (var file in Directory.GetFiles(ReferenceFiles.DataPathOf("..", "reference", "llama-tiny")))
        {
            File.Copy(file, Path.Combine(folder.Path, Path.GetFileName(file)));
        }

        Put(folder, name, target);
        Finish(() => Assert.Throws<InputException>(() => HuggingFaceFolder.Load(folder.Path).Dispose()));
        Finish(() => Assert.Throws<InputException>(() => DurableFiles.ContentHash(folder.Path)));
    }, ReferenceFiles.DataPathOf("..", "reference", "llama-tiny"));

    [Fact]
    public void A_file_longer_than_its_limit_is_refused_without_being_read()
    {
        using var folder = new TestFolder();
        var path = folder.Write("tokenizer.json", "{}");
        using (var file = new FileStream(path, FileMode.Open))
        {
            file.SetLength(20L << 30); // sparse
        }

        Assert.Contains("longer", Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("longer", Assert.Throws<InputException>(() => RecipeReader.Read(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_line_longer_than_the_limit_is_refused_before_it_is_in_memory()
    {
        using var folder = new TestFolder();
        var path = folder.Write("rankings.jsonl", "one\r\ntwo\n\nlast");
        Assert.Equal(["one", "two", "", "last"], WholeFile.Lines(path, 100));
        using (var file = new FileStream(path, FileMode.Open))
        {
            file.SetLength(20L << 30);
        }

        Assert.Throws<InputException>(() => WholeFile.Lines(path, 1 << 16).ToList());
    }

    [Fact]
    public void Json_that_is_nested_too_deeply_is_refused()
    {
        using var folder = new TestFolder();
        folder.Write("tokenizer.json", new string('[', 1_000_000));
        Assert.Throws<InputException>(() => Tokenizer.Load(folder.Path));
    }

    [Theory]
    [InlineData("(a+)+$")]
    [InlineData("(a|aa)+b")]
    [InlineData("(.*)*(.*)*(.*)*b")]
    public void A_split_pattern_that_tries_too_many_ways_is_refused_for_all_texts_together(string pattern)
    {
        using var folder = new TestFolder();
        var tokenizer = WithPattern(folder, pattern);
        var text = string.Concat(Enumerable.Repeat("aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaac ", 3));
        var refusal = Assert.Throws<InputException>(() => tokenizer.Encode(text)).Message;
        Assert.Contains(pattern, refusal, StringComparison.Ordinal);
        Assert.Contains("tokenizer.json", refusal, StringComparison.Ordinal);
        // Whoever goes on to the next row is refused at once.
        var clock = Stopwatch.StartNew();
        for (var row = 0; row < 1_000; row++)
        {
            Assert.Throws<InputException>(() => tokenizer.Encode(text));
        }

        Assert.True(clock.Elapsed < TimeSpan.FromSeconds(Patience / 1000));
    }

    [Fact]
    public void A_normalizer_that_multiplies_a_text_is_stopped()
    {
        using var folder = new TestFolder();
        var twice = """{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""";
        var tokenizer = With(folder, "normalizer", $$"""{"type": "Sequence", "normalizers": [{{string.Join(",", Enumerable.Repeat(twice, 60))}}]}""");
        Assert.Throws<InputException>(() => tokenizer.Encode("a"));
    }

    [Fact]
    public void A_decoder_that_multiplies_a_token_is_stopped()
    {
        using var folder = new TestFolder();
        var twice = """{"type": "Replace", "pattern": {"String": "a"}, "content": "aa"}""";
        var tokenizer = With(folder, "decoder", $$"""{"type": "Sequence", "decoders": [{{string.Join(",", Enumerable.Repeat(twice, 60))}}]}""");
        Assert.Throws<InputException>(() => tokenizer.Decode(tokenizer.Encode("a")));
    }

    [Fact]
    public void White_space_without_end_is_refused_packed_or_not()
    {
        using var folder = new TestFolder();
        var blank = new byte[Limits.BlankBytes + 10];
        blank.AsSpan().Fill((byte)' ');
        foreach (var path in new[] { folder.Write("blank.jsonl", blank), folder.Write("blank.jsonl.gz", TestFolder.Gzip(blank)) })
        {
            Assert.Contains("white space", Assert.Throws<InputException>(() => JsonRows.Read(path).ToList()).Message, StringComparison.Ordinal);
        }
    }

    [Fact]
    public void A_packed_file_that_unpacks_to_far_more_than_data_does_is_refused()
    {
        using var folder = new TestFolder();
        var rows = new byte[64 << 20];
        "{}\n{}\n"u8.CopyTo(rows);
        for (var length = 6; length < rows.Length; length *= 2)
        {
            rows.AsSpan(0, Math.Min(length, rows.Length - length)).CopyTo(rows.AsSpan(length));
        }

        var path = folder.Write("rows.jsonl.gz", TestFolder.Gzip(rows));
        if (new FileInfo(path).Length * Limits.UnpackedRatio + Limits.BlankBytes < rows.Length)
        {
            Assert.Contains("unpacks", Assert.Throws<InputException>(() => JsonRows.Read(path).Count()).Message, StringComparison.Ordinal);
        }
    }

    private static Tokenizer Sound() => BytePairTrainer.Train([], new BytePairTrainerOptions { VocabularySize = 256 });

    private static Tokenizer WithPattern(TestFolder folder, string pattern) => With(folder, "pre_tokenizer", $$"""
        {"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "{{pattern}}"}, "behavior": "Isolated", "invert": false},
        {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}
        """);

    private static Tokenizer With(TestFolder folder, string part, string json)
    {
        Sound().Save(folder.Path);
        var path = Path.Combine(folder.Path, "tokenizer.json");
        var root = JsonNode.Parse(File.ReadAllText(path))!.AsObject();
        root[part] = JsonNode.Parse(json);
        File.WriteAllText(path, root.ToJsonString());
        return Tokenizer.Load(folder.Path);
    }

    private static void Unix(Action<TestFolder> test, string? needs = null)
    {
        if (!OperatingSystem.IsLinux() || (needs is not null && !Directory.Exists(needs)))
        {
            return;
        }

        using var folder = new TestFolder();
        test(folder);
    }

    private static void Put(TestFolder folder, string name, string target)
    {
        var path = Path.Combine(folder.Path, name);
        File.Delete(path);
        if (target != "pipe")
        {
            File.CreateSymbolicLink(path, target);
            return;
        }

        using var made = Process.Start("mkfifo", [path])!;
        made.WaitForExit();
    }

    /// <summary>A hung read would hang the test run: it is left behind instead.</summary>
    private static void Finish(Action read)
    {
        var reading = Task.Run(read);
        Assert.True(reading.Wait(Patience), "the file is waited for");
    }
}
