using System.Text.Json;
using Rlhf.Cli;

namespace Rlhf.Tests.Cli;

/// <summary>A folder of what people give to commands, right and wrong.</summary>
public sealed class MistakeFiles : IDisposable
{
    private const string Recipe = """
        name: tiny
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        data:
          demonstrations: {path: rows.jsonl}
        sft: {epochs: 1, batch: 2, keep_best: none}
        """;

    private readonly TinyModels _models = new();

    public MistakeFiles()
    {
        _models.Language("model");
        _models.Reward("rm");
        _models.Language("bare", withTokenizer: false);
        WriteRows();
        WriteRecipes();
        WriteModels();
        WriteRun();
        Write("instructions.md", "\u00ff"u8[..1].ToArray());
        Write("folder/rows.jsonl", "{}");
        Write("store.txt", "no database");
        Assert.Equal(ExitCode.Success, TinyModels.Run("label", "users", "add", "ann", "--store", PathOf("store.db")).Code);
    }

    public string Folder => _models.Path;

    public string PathOf(string name) => Path.Combine(Folder, name);

    public void Dispose() => _models.Dispose();

    /// <summary>Everything below the folder, with its length.</summary>
    public string[] Listing()
    {
        // An idle connection is closed at some time of its pool's, and the store's file takes in what stood beside it.
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        return
        [
            .. Directory.EnumerateFileSystemEntries(Folder, "*", SearchOption.AllDirectories).Where(path => !IsOfDatabase(path)).Order(StringComparer.Ordinal)
                .Select(path => $"{path} {(File.Exists(path) ? new FileInfo(path).Length : 0)}"),
        ];
    }

    // An open SQLite file has others beside it.
    private static bool IsOfDatabase(string path) => path.EndsWith("-wal", StringComparison.Ordinal) || path.EndsWith("-shm", StringComparison.Ordinal);

    private void WriteRows()
    {
        Write("rows.jsonl", """{"prompt": "Name a fruit.", "response": "An apple."}""" + "\n" + """{"prompt": "Name a colour.", "response": "Red."}""");
        Write("pairs.jsonl", """{"prompt": "Name a fruit.", "chosen": "An apple.", "rejected": "No."}""");
        Write("prompts.txt", "Name a fruit.\nName a colour.\n");
        Write("one.txt", "Name a fruit.\n");
        Write("empty.jsonl", "");
        Write("blank.txt", "\n\n");
        Write("broken.jsonl", "{\"prompt\": \"a\", \"response\": \"b\"}\n{\"prompt\": \"a\"");
        Write("half.jsonl", """{"prompt": "\ud800", "response": "b"}""");
        Write("halfkey.jsonl", """{"prompt": "a", "response": "b", "\udc00": 1}""");
        Write("flat.jsonl", """{"prompt": "a", "responses": ["b", "c", "d"], "ranking": [1, 0, 2]}""");
        Write("latin.jsonl", [.. "{\"prompt\": \"Stra"u8, 0xDF, .. "e\", \"response\": \"b\"}"u8]);
        Write("latin.txt", [.. "Stra"u8, 0xDF, .. "e"u8]);
        Write("table.csv", "prompt,response\n\"Name a fruit.\",\"An apple.\",\"more\"\n");
        Write("table.tsv", "prompt\tresponse\nName a fruit.\n");
        Directory.CreateDirectory(PathOf("no-rows"));
        Write("pretty.jsonl", "{\n  \"prompt\": \"a\",\n  \"response\": \"b\"\n}\n");
        Write("splits.json", """{"train": [{"prompt": "a", "response": "b"}], "test": []}""");
        Write("rows.parquet", "PAR1 and more");
        Write("rows.arrow", "ARROW1 and more");
        Write("cut.gz", [0x1F, 0x8B, 8, 0, 0, 0, 0, 0, 0, 3, 1]);
        Write("page.html", "<!DOCTYPE html>\n<html></html>");
        Write("ids.jsonl", """{"ids": [1, 999999], "prompt_length": 1}""");
        Write("long.txt", string.Join(' ', Enumerable.Repeat("apple", 500)));
    }

    private void WriteRecipes()
    {
        Write("tiny.yaml", Recipe);
        Write("grpo.yaml", Recipe + "\ngrpo: {}");
        Write("order.yaml", Recipe.Replace("sft:", "ppo: {steps: 1}\nsft:", StringComparison.Ordinal));
        Write("twice.yaml", Recipe + "\nname: again");
        Write("tab.yaml", "name:\t[");
        Write("list.yaml", "- a\n- b");
        Write("empty.yaml", "");
        Write("missing.yaml", Recipe.Replace("rows.jsonl", "nothing.jsonl", StringComparison.Ordinal));
        Write("csv.yaml", Recipe.Replace("rows.jsonl", "table.csv", StringComparison.Ordinal));
        Write("hub.yaml", Recipe.Replace("rows.jsonl", "org/name", StringComparison.Ordinal));
        Write("latin.yaml", [.. "name: Stra"u8, 0xDF, .. "e"u8]);
        Write("model.yaml", "name: m\nbase: {model: org/name}\ndata: {demonstrations: {path: rows.jsonl}}\nsft: {keep_best: none}");
        Write("key.yaml", Recipe.Replace("epochs:", "epohcs:", StringComparison.Ordinal));
    }

    private void WriteModels()
    {
        foreach (var (name, file, content) in new[]
        {
            ("broken-config", "config.json", "{"), ("broken-tokenizer", "tokenizer.json", "{\"model\": "), ("half-tokenizer", "tokenizer.json", """{"\ud800": 1}"""),
            ("broken-weights", "model.safetensors", "12345678{}"), ("other-model", "config.json", """{"model_type": "bert", "architectures": ["BertModel"]}"""),
        })
        {
            foreach (var path in Directory.GetFiles(PathOf("model")))
            {
                Write($"{name}/{Path.GetFileName(path)}", File.ReadAllBytes(path));
            }

            Write($"{name}/{file}", content);
        }

        Write("pickled/config.json", "{}");
        Write("pickled/pytorch_model.bin", "PK");
        Write("lora/adapter_config.json", "{}");
        Write("model.gguf", "GGUF");
        Write("nothing/readme.txt", "");
    }

    private void WriteRun()
    {
        Write("run/recipe.yaml", Recipe);
        Write("run/metrics.jsonl", "{\"stage\": \"01-sft\", \"step\": 1, \"loss\": \"a\"}\n");
        Write("run2/metrics.jsonl", JsonSerializer.Serialize(new { stage = "01-sft", step = 1, loss = 1.5 }) + "\n");
        Write("run2/stages/01-sft/ledger.json", "{\"files\": [{\"file\": ");
        Write("run3/summary.json", """{"name": 1}""");
    }

    private void Write(string name, string content) => Write(name, System.Text.Encoding.UTF8.GetBytes(content));

    private void Write(string name, byte[] content)
    {
        Directory.CreateDirectory(Path.GetDirectoryName(PathOf(name))!);
        File.WriteAllBytes(PathOf(name), content);
    }
}
