using System.Security.Cryptography;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Tests.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Stages;

/// <summary>A byte that changes in a run folder is noticed and named, or changes nothing that comes out.</summary>
public sealed class IntegrityTests : IDisposable
{
    // Written anew by every attempt, or read by nobody.
    private static readonly string[] WithoutEffect = [".lock", "environment.json", "report.html", "status.json", "summary.json"];

    private readonly TinyRun _run = new();

    public void Dispose() => _run.Dispose();

    private static void Flip(string file, int at, int bit)
    {
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= (byte)(1 << bit);
        File.WriteAllBytes(file, bytes);
    }

    private static void Truncate(string file)
    {
        using var stream = new FileStream(file, FileMode.Open);
        stream.SetLength(stream.Length / 2);
    }

    // A read without end would hang the tests.
    private static Task<string> WithinAMinute(Func<string> work) => Task.Run(work).WaitAsync(TimeSpan.FromMinutes(1));

    [Fact]
    public void A_flipped_bit_in_any_file_of_complete_stages_is_named_before_a_later_stage_begins()
    {
        _run.RunUpTo("ppo");
        var random = new Random(Seed: 7);
        string[] files =
        [
            .. Directory.GetFiles(_run.Folder, "*", SearchOption.AllDirectories).Where(file => new FileInfo(file).Length > 0)
                .Where(file => !Path.GetRelativePath(_run.Folder, file).StartsWith("events", StringComparison.Ordinal)
                    && !file.Contains("04-ppo", StringComparison.Ordinal))
                .Where(file => !WithoutEffect.Contains(Path.GetRelativePath(_run.Folder, file))),
        ];
        Assert.Contains(files, file => file.EndsWith(Path.Combine("02-collect", "rankings.jsonl"), StringComparison.Ordinal));
        foreach (var file in files)
        {
            var whole = File.ReadAllBytes(file);
            for (var trial = 0; trial < 5; trial++)
            {
                Flip(file, random.Next(whole.Length), random.Next(8));
                var message = Assert.Throws<InputException>(() => _run.RunUpTo("ppo", resume: true)).Message;
                Assert.True(message.Contains(Path.GetFileName(file), StringComparison.Ordinal), $"{file}: {message}");
                File.WriteAllBytes(file, whole);
            }
        }

        _run.RunUpTo("ppo", resume: true);
    }

    [Fact]
    public async Task A_device_in_the_place_of_a_file_of_complete_stages_is_named_and_not_read_without_end()
    {
        if (!File.Exists("/dev/zero"))
        {
            return;
        }

        _run.RunUpTo("ppo");
        string[] files =
        [
            .. Directory.GetFiles(_run.Folder, "*", SearchOption.AllDirectories)
                .Where(file => !Path.GetRelativePath(_run.Folder, file).StartsWith("events", StringComparison.Ordinal)
                    && !file.Contains("04-ppo", StringComparison.Ordinal))
                .Where(file => !WithoutEffect.Contains(Path.GetRelativePath(_run.Folder, file))),
        ];
        foreach (var file in files)
        {
            File.Move(file, _run.PathOf("aside"));
            File.CreateSymbolicLink(file, "/dev/zero");
            var message = await WithinAMinute(() => Assert.Throws<InputException>(() => _run.RunUpTo("ppo", resume: true)).Message);
            Assert.True(message.Contains(Path.GetFileName(file), StringComparison.Ordinal), $"{file}: {message}");
            File.Delete(file);
            File.Move(_run.PathOf("aside"), file);
        }
    }

    [Theory]
    [InlineData("recipe.yaml")]
    [InlineData("metrics.jsonl")]
    [InlineData("stages/02-collect/ledger.json")]
    [InlineData("summary.json")]
    public async Task A_report_of_a_run_with_a_device_in_it_names_the_device(string name)
    {
        if (!File.Exists("/dev/zero"))
        {
            return;
        }

        _run.RunUpTo("ppo");
        var file = Path.Combine(_run.Folder, name);
        File.Delete(file);
        File.CreateSymbolicLink(file, "/dev/zero");
        var message = await WithinAMinute(() =>
        {
            using var error = new StringWriter();
            Assert.Equal(2, Rlhf.Cli.Program.Run(["report", _run.Folder], TextWriter.Null, error));
            return error.ToString();
        });
        Assert.Contains(Path.GetFileName(name), message, StringComparison.Ordinal);
        Assert.Contains("pipe or device", message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_that_is_missing_or_new_in_a_model_is_named()
    {
        _run.RunUpTo("collect");
        var model = Path.Combine(_run.Folder, "stages", "01-sft", "model");
        File.WriteAllText(Path.Combine(model, "adapter_config.json"), "{}");
        Assert.Contains(
            "adapter_config.json is new", Assert.Throws<InputException>(() => _run.RunUpTo("collect", resume: true)).Message, StringComparison.Ordinal);
        File.Delete(Path.Combine(model, "adapter_config.json"));
        File.Delete(Path.Combine(model, "tokenizer.json"));
        Assert.Contains(
            "tokenizer.json is missing", Assert.Throws<InputException>(() => _run.RunUpTo("collect", resume: true)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("sft")]
    [InlineData("ppo")]
    public void A_damaged_newest_checkpoint_is_named_and_the_one_before_it_comes_to_the_same_bytes(string kind)
    {
        var whole = _run.PathOf("whole");
        _run.Run(whole);
        _run.StopAfter(kind, step: 1);
        var checkpoints = Directory.GetDirectories(_run.Folder, "checkpoints", SearchOption.AllDirectories).Single();
        var saved = _run.PathOf("saved");
        CopyFolder(_run.Folder, saved);
        var newest = Path.Combine(checkpoints, "step-000002");
        var random = new Random(Seed: 11);
        foreach (var (number, name) in Directory.GetFiles(newest).Select(file => Path.GetFileName(file)).Order(StringComparer.Ordinal).Index())
        {
            Restore(saved);
            var file = Path.Combine(newest, name);
            Do(truncate: number % 2 == 1, file, random);
            _run.Lines.GetStringBuilder().Clear();
            _run.Run(resume: true);

            Assert.Contains($"the checkpoint of step 2 is damaged and not used: {file}", _run.Lines.ToString(), StringComparison.Ordinal);
            Assert.Contains("going on from the checkpoint of step 1", _run.Lines.ToString(), StringComparison.Ordinal);
            Assert.Equal(TinyRun.ResultsOf(whole), TinyRun.ResultsOf(_run.Folder));
        }

        Restore(saved);
        Assert.All(Directory.GetDirectories(checkpoints), folder => Truncate(Directory.GetFiles(folder).Order(StringComparer.Ordinal).First()));
        _run.Lines.GetStringBuilder().Clear();
        _run.Run(resume: true);
        Assert.Contains("it begins again from its start", _run.Lines.ToString(), StringComparison.Ordinal);
        Assert.Equal(TinyRun.ResultsOf(whole), TinyRun.ResultsOf(_run.Folder));
    }

    [Fact]
    public void Rows_of_metrics_and_samples_up_to_the_checkpoint_must_be_those_that_were_written()
    {
        _run.StopAfter("ppo", step: 1);
        foreach (var file in (string[])[Path.Combine(_run.Folder, MetricsFile.Name), Path.Combine(_run.Folder, "stages", "04-ppo", "samples.jsonl")])
        {
            var text = File.ReadAllText(file);
            var digit = text.LastIndexOf("\"score\":", StringComparison.Ordinal) + "\"score\":".Length + 3;
            File.WriteAllText(file, string.Concat(text.AsSpan(0, digit), text[digit] == '1' ? "2" : "1", text.AsSpan(digit + 1)));
            var message = Assert.Throws<InputException>(() => _run.Run(resume: true)).Message;
            Assert.Contains(file, message, StringComparison.Ordinal);
            File.WriteAllText(file, text);
        }

        _run.Run(resume: true);
    }

    [Fact]
    public void A_recipe_that_was_changed_in_the_run_folder_is_noticed()
    {
        _run.RunUpTo("collect");
        var file = Path.Combine(_run.Folder, RunFolder.RecipeFile);
        File.WriteAllText(file, File.ReadAllText(file).Replace("epochs: 1", "epochs: 2", StringComparison.Ordinal));
        var message =
            Assert.Throws<InputException>(
                () => RecipeRun.Execute(
                    RecipeReader.Read(file), new RunSettings(_run.Folder, Resume: true), ProgressReporter.Silent, CancellationToken.None)).Message;
        Assert.Contains("recipe.yaml is damaged or was changed", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("demonstrations.jsonl", "data.demonstrations", "sft")]
    [InlineData("prompts.jsonl", "data.prompts", "collect")]
    [InlineData("evaluation.jsonl", "data.evaluation_prompts", "ppo")]
    public void A_data_file_that_a_stage_under_way_has_read_must_stay_as_it_was(string name, string key, string kind)
    {
        _run.RunUpTo(kind, within: context => File.WriteAllText(Path.Combine(context.Folder, "something-kept"), ""));
        var (file, rows) = (_run.PathOf(name), File.ReadAllLines(_run.PathOf(name)));
        var before = HashOf(file);
        _run.Write(name, rows[1..]);

        var message = Assert.Throws<InputException>(() => _run.RunUpTo(kind, resume: true)).Message;
        Assert.Contains($"{key}: {file}: has changed; its SHA-256 was {before} and is {HashOf(file)}", message, StringComparison.Ordinal);

        _run.Write(name, rows);
        _run.RunUpTo(kind, resume: true);
    }

    [Fact]
    public void What_a_complete_stage_has_read_must_be_the_same_for_a_later_one_that_reads_it_too()
    {
        _run.RunUpTo("ppo");
        var rows = File.ReadAllLines(_run.PathOf("prompts.jsonl"));
        _run.Write("prompts.jsonl", rows.Append("""{"prompt": "One more?"}"""));
        Assert.Contains(
            "not what 02-collect has read", Assert.Throws<InputException>(() => _run.RunUpTo("ppo", resume: true)).Message, StringComparison.Ordinal);
        _run.Write("prompts.jsonl", rows);

        // No later stage reads the demonstrations and the comparisons again.
        File.Delete(_run.PathOf("demonstrations.jsonl"));
        _run.Write("comparisons.jsonl", File.ReadAllLines(_run.PathOf("comparisons.jsonl"))[2..]);
        _run.RunUpTo("ppo", resume: true);
    }

    [Fact]
    public void A_file_that_a_glob_finds_later_is_noticed()
    {
        _run.RunUpTo("sft", within: context => File.WriteAllText(Path.Combine(context.Folder, "something-kept"), ""));
        _run.Write("demonstrations-more.jsonl", ["""{"prompt": "a", "response": "b"}"""]);
        Assert.Contains(
            "demonstrations-more.jsonl: is new", Assert.Throws<InputException>(() => _run.RunUpTo("sft", resume: true)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("base.model")]
    [InlineData("ppo.reward_model")]
    [InlineData("collect.labeler")]
    public void A_model_of_others_that_changes_on_the_way_is_noticed(string key)
    {
        _run.Run(_run.PathOf("first"));
        var (model, reward) = (_run.PathOf("first", "stages", "01-sft", "model"), _run.PathOf("first", "stages", "03-reward", "model"));
        File.WriteAllText(_run.PathOf("tiny.yaml"), $$$"""
            name: others
            base: {model: "{{{model}}}"}
            format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
            data: {prompts: {path: prompts.jsonl}, evaluation_prompts: {path: evaluation.jsonl}}
            collect: {answers_per_prompt: 2, max_prompts: 4, max_new_tokens: 4, labeler: "{{{reward}}}"}
            ppo: {reward_model: "{{{reward}}}", steps: 1, rollouts_per_step: 4, minibatch: 4, max_new_tokens: 4, evaluation_samples: 1}
            """);
        _run.RunUpTo("ppo", within: context => File.WriteAllText(Path.Combine(context.Folder, "something-kept"), ""));
        var file = Path.Combine(key == "base.model" ? model : reward, "model.safetensors");
        Flip(file, (int)new FileInfo(file).Length - 2, 0);
        var message = Assert.Throws<InputException>(() => _run.RunUpTo("ppo", resume: true)).Message;
        Assert.Contains(file, message, StringComparison.Ordinal);
        Assert.Contains("SHA-256", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("data.comparisons.path=nocmp.jsonl", "nocmp.jsonl")]
    [InlineData("data.evaluation_prompts.path=noprompts.jsonl", "noprompts.jsonl")]
    [InlineData("data.comparisons.path=prompts.jsonl", "prompts.jsonl")] // no comparisons
    [InlineData("collect.labeler=nomodel", "nomodel")]
    public void A_wrong_path_of_a_later_stage_is_told_before_the_first_and_leaves_no_folder(string change, string named)
    {
        var recipe = RecipeReader.Parse(
            File.ReadAllText(_run.PathOf("tiny.yaml")), "tiny.yaml", _run.PathOf(), [change.Replace("=", $"={_run.PathOf()}/", StringComparison.Ordinal)]);
        var message = Assert.Throws<InputException>(
            () => RecipeRun.Execute(recipe, new RunSettings(_run.Folder), ProgressReporter.Silent, CancellationToken.None)).Message;
        Assert.Contains(named, message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_run.Folder));
    }

    [Fact]
    public void A_mistake_in_the_data_can_be_mended_and_the_run_begun_or_gone_on_with()
    {
        string[] rows = File.ReadAllLines(_run.PathOf("demonstrations.jsonl"));
        _run.Write("demonstrations.jsonl", [.. rows, "{"]);
        Assert.Throws<InputException>(() => _run.Run());
        Assert.False(Directory.Exists(_run.Folder));
        _run.Write("demonstrations.jsonl", rows);

        string[] comparisons = File.ReadAllLines(_run.PathOf("comparisons.jsonl"));
        _run.Write("comparisons.jsonl", [.. comparisons, "{"]);
        Assert.Contains("comparisons.jsonl:17", Assert.Throws<InputException>(() => _run.Run()).Message, StringComparison.Ordinal);
        Assert.Equal(["01-sft", "02-collect"], Directory.GetDirectories(Path.Combine(_run.Folder, "stages")).Select(Path.GetFileName).Order());
        _run.Write("comparisons.jsonl", comparisons);
        Assert.Equal(4, _run.Run(resume: true).Stages.Count);
    }

    private static void Do(bool truncate, string file, Random random)
    {
        if (truncate)
        {
            Truncate(file);
        }
        else
        {
            Flip(file, random.Next((int)new FileInfo(file).Length), random.Next(8));
        }
    }

    private void Restore(string saved)
    {
        Directory.Delete(_run.Folder, recursive: true);
        CopyFolder(saved, _run.Folder);
    }

    private static void CopyFolder(string from, string to)
    {
        Directory.CreateDirectory(to);
        foreach (var folder in Directory.GetDirectories(from, "*", SearchOption.AllDirectories))
        {
            Directory.CreateDirectory(Path.Combine(to, Path.GetRelativePath(from, folder)));
        }

        foreach (var file in Directory.GetFiles(from, "*", SearchOption.AllDirectories))
        {
            File.Copy(file, Path.Combine(to, Path.GetRelativePath(from, file)));
        }
    }

    private static string HashOf(string file) => Convert.ToHexStringLower(SHA256.HashData(File.ReadAllBytes(file)));
}
