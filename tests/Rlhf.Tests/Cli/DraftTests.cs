using Rlhf.Cli;
using static Rlhf.Tests.Cli.TinyModels;

namespace Rlhf.Tests.Cli;

/// <summary>Drafts of answers that people are to write: by a model, or from a file.</summary>
public sealed class DraftTests : IDisposable
{
    private readonly TinyModels _models = new();

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        _models.Dispose();
    }

    private string Store => Path.Combine(_models.Path, "work.db");

    private string Prompts => _models.Write(
        "prompts.jsonl", """{"prompt": "Name a fruit."}""", """{"prompt": "Name a colour.", "draft": "My own."}""", """{"prompt": "An apple is"}""");

    private string?[] Drafts() =>
        [.. JsonLines("label", "export", "--everything", "--store", Store).Select(row => row.TryGetProperty("draft", out var draft) ? draft.GetString() : null)];

    [Fact]
    public void A_model_writes_a_draft_of_each_answer_that_has_none()
    {
        string[] command = ["label", "import", Prompts, "--kind", "write", "--draft-model", $"m={_models.Language("a", 1)}", "--max-tokens", "8", "--store", Store];
        var run = Run(command);
        Assert.True(run.Code == ExitCode.Success, run.Error);
        var drafts = Drafts();
        Assert.Equal(3, drafts.Length);
        Assert.Equal("My own.", drafts[1]);
        Assert.NotEqual(drafts[0], drafts[2]);
        var row = JsonLines("label", "export", "--everything", "--store", Store)[0];
        Assert.Equal(("m", 8), (row.GetProperty("model").GetString(), row.GetProperty("sampling").GetProperty("max_new_tokens").GetInt32()));
        Assert.Contains("0 new tasks, 3 that were there already", Run(command).Error, StringComparison.Ordinal);
    }

    [Fact]
    public void A_prompt_that_leaves_no_room_for_a_draft_is_named_by_its_place()
    {
        var run = Run("label", "import", Prompts, "--kind", "write", "--draft-model", $"m={_models.Language("a", 1)}", "--max-tokens", "100000", "--store", Store);
        Assert.Equal(ExitCode.BadInput, run.Code);
        Assert.Contains("prompts.jsonl:1:1: the prompt has", run.Error, StringComparison.Ordinal);
    }

    [Fact]
    public void Drafts_are_read_from_a_file_by_their_prompts()
    {
        var file = _models.Write(
            "drafts.jsonl", """{"prompt": "An apple is", "response": "red"}""", """{"prompt": "Name a colour.", "response": "Blue"}""");
        var run = Run("label", "import", Prompts, "--kind", "write", "--drafts", file, "--store", Store);
        Assert.Contains("2 drafts; prompts without one: 1", run.Error, StringComparison.Ordinal);
        Assert.Equal((string?[])[null, "My own.", "red"], Drafts());
    }

    [Fact]
    public void Drafts_without_something_to_write_and_options_without_effect_are_errors()
    {
        var answers = _models.Write("answers.jsonl", """{"prompt": "p", "responses": ["a", "b"]}""");
        var drafts = _models.Write("drafts.jsonl", """{"prompt": "p", "response": "red"}""");
        Assert.Contains("no row asks for one", Run("label", "import", answers, "--drafts", drafts, "--store", Store).Error, StringComparison.Ordinal);
        Assert.Contains("--seed has an effect only with --draft-model",
            Run("label", "import", Prompts, "--kind", "write", "--seed", "2", "--store", Store).Error, StringComparison.Ordinal);
        Assert.Contains("leave one of them out",
            Run("label", "import", Prompts, "--kind", "write", "--drafts", drafts, "--draft-model", "m", "--store", Store).Error, StringComparison.Ordinal);
    }
}
