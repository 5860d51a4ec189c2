using System.Diagnostics;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
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

    [Theory]
    [InlineData("/dev/zero", "pipe or device")]
    [InlineData("pipe", "pipe or device")]
    [InlineData("folder", "it is a folder")]
    public void What_a_run_hashes_and_reads_is_refused_where_it_is_no_file(string target, string reason) => Unix(folder =>
    {
        var path = Path.Combine(folder.Path, MetricsFile.Name);
        Put(folder, MetricsFile.Name, target);
        Action[] readers =
        [
            () => DurableFiles.FileHash(path),
            () => Crc32C.OfFile(path),
            () => WholeFile.Bytes(path, 1000),
            () => WholeFile.Text(path, 1000),
            () => Assert.Empty(WholeFile.Lines(path, 1000)),
            () => WholeFile.OpenEvenEmpty(path).Dispose(),
            () => JsonLines.ReadWhileWritten(path),
            () => CheckedJson.Read<object>(path, System.Text.Json.JsonSerializerOptions.Default),
        ];
        foreach (var read in readers)
        {
            Finish(() =>
            {
                var message = Assert.Throws<InputException>(read).Message;
                Assert.StartsWith(path, message, StringComparison.Ordinal);
                Assert.Contains(reason, message, StringComparison.Ordinal);
            });
        }
    });

    [Fact]
    public void An_empty_file_has_the_checksum_of_nothing()
    {
        using var folder = new TestFolder();
        var path = folder.Write("samples.jsonl", "");
        Assert.Equal("e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855", DurableFiles.FileHash(path));
        Assert.Equal(0u, Crc32C.OfFile(path));
        Assert.Empty(WholeFile.Bytes(path, 10));
        Assert.Contains("empty", Assert.Throws<InputException>(() => WholeFile.Open(path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_byte_that_is_not_UTF8_is_named_with_its_place()
    {
        using var folder = new TestFolder();
        var path = folder.Write("text.md", [0xEF, 0xBB, 0xBF, .. "gut, gr"u8, 0xFC, .. "n\nlast"u8]);
        const string Where = "expected UTF-8, found the byte 0xFC, which is byte 10 of the text";
        Assert.Contains(Where, Assert.Throws<InputException>(() => WholeFile.Text(path, 100)).Message, StringComparison.Ordinal);
        Assert.Contains(Where, Assert.Throws<InputException>(() => WholeFile.NamedText(path, 100)).Message, StringComparison.Ordinal);
        Assert.Contains(Where, Assert.Throws<InputException>(() => WholeFile.Lines(path, 100).ToList()).Message, StringComparison.Ordinal);
        Assert.Contains(Where, Assert.Throws<InputException>(() => RecipeReader.Read(path)).Message, StringComparison.Ordinal);
        // Of a later line the place is that in the file.
        var rows = folder.Write("rows.jsonl", [.. "one\ntw"u8, 0xFF, .. "\n"u8]);
        Assert.Contains("0xFF, which is byte 6 of", Assert.Throws<InputException>(() => WholeFile.Lines(rows, 100).ToList()).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_last_line_that_was_torn_within_a_character_does_not_hide_those_before_it()
    {
        using var folder = new TestFolder();
        var path = folder.Write("rows.jsonl", [.. "one\ntw"u8, 0xC3]);
        Assert.Equal("one", WholeFile.Lines(path, 100).First());
        Assert.Equal(2, WholeFile.Lines(path, 100).Count());
    }

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
    [InlineData("(a|aa)+[bd]")]
    [InlineData("(a|aa)+b")]
    [InlineData("(?:a|aa|aaa)+[ ][ ]")]
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
        if (target == "folder")
        {
            Directory.CreateDirectory(path);
            return;
        }

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
