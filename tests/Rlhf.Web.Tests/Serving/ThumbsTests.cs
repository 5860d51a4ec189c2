using System.Text.Json;
using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Labeling;

namespace Rlhf.Web.Tests.Serving;

/// <summary>Thumbs of the chat page as training data for KTO.</summary>
public sealed class ThumbsTests : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-thumbs-").FullName;

    public void Dispose()
    {
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        Directory.Delete(_folder, recursive: true);
    }

    private string PathOf(string name) => Path.Combine(_folder, name);

    private static string Rlhf(params string[] arguments)
    {
        using var output = new StringWriter();
        using var error = new StringWriter();
        Assert.True(Program.Run(arguments, output, error) == ExitCode.Success, error.ToString());
        return output.ToString();
    }

    private static object Thumb(object[] messages, string text, string thumb) =>
        new { messages, answers = new[] { new { text, model = "tiny", thumb } }, thumbed = 0 };

    [Fact]
    public async Task Thumbs_become_labeled_answers_that_kto_is_trained_on()
    {
        await using var server = await TinyServer.Start(feedback: RankingStore.Open(PathOf("feedback.db")));
        for (var i = 0; i < 8; i++)
        {
            await server.Post("/v1/feedback", Thumb(CompletionTests.Say($"Name a fruit, the {i}th."), i % 2 == 0 ? "An apple." : "No.", i % 2 == 0 ? "up" : "down"));
        }

        object[] talk = [new { role = "system", content = "Be kind." }, new { role = "user", content = "Hi" }, new { role = "assistant", content = "Hello" }, new { role = "user", content = "And?" }];
        await server.Post("/v1/feedback", Thumb(talk, "So what?", "up"));
        await server.Post("/v1/feedback", Thumb(talk, "So what?", "down")); // thinks again
        Rlhf("label", "export", "--store", PathOf("feedback.db"), "--as", "labeled", "--out", PathOf("labeled.jsonl"));

        var rows = (await File.ReadAllLinesAsync(PathOf("labeled.jsonl"))).Select(line => JsonDocument.Parse(line).RootElement).ToArray();
        Assert.Equal([true, false, true, false, true, false, true, false, false], rows.Select(row => row.GetProperty("label").GetBoolean()));
        Assert.Equal(("Name a fruit, the 0th.", "An apple."), (rows[0].GetProperty("prompt").GetString(), rows[0].GetProperty("completion").GetString()));
        Assert.Equal(("thumb", "chat", "[\"tiny\"]"),
            (rows[0].GetProperty("from").GetString(), rows[0].GetProperty("labeler").GetString(), rows[0].GetProperty("written_by").GetRawText()));
        Assert.Equal(["system", "user", "assistant", "user"], rows[8].GetProperty("prompt").EnumerateArray().Select(turn => turn.GetProperty("role").GetString()));

        File.WriteAllText(PathOf("kto.yaml"), $$"""
            name: thumbs
            seed: 3
            base: {model: {{TinyServer.Save(_folder, "model", 1, isReward: false)}}}
            data:
              labeled: {path: labeled.jsonl, held_out: 0.3}
            dpo: {loss: kto, batch: 4, epochs: 1, learning_rate: 1e-3, warm_up_steps: 0, max_new_tokens: 4}
            """);
        Rlhf("run", PathOf("kto.yaml"), "--out", PathOf("run"), "--quiet");
        var stage = JsonDocument.Parse(await File.ReadAllTextAsync(PathOf("run/stages/01-dpo/summary.json"))).RootElement;
        var source = Assert.Single(stage.GetProperty("rankings").EnumerateArray());
        Assert.Equal(("data.labeled", 9), (source.GetProperty("source").GetString(), source.GetProperty("training").GetInt32() + source.GetProperty("held_out").GetInt32()));
    }

    [Fact]
    public void Reviews_that_accept_or_reject_are_labeled_answers_and_edits_are_not()
    {
        var store = RankingStore.Open(PathOf("work.db"));
        store.Import(TaskRow.Read(
            """
            {"kind": "review", "instruction": "Add.", "input": "1, 2", "response": "3", "verdict": "accept", "labeler": "ann"}
            {"kind": "review", "messages": [{"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Go."}], "verdict": "reject", "reason": "rude", "labeler": "ann"}
            {"kind": "review", "prompt": "p", "response": "r", "verdict": "edit", "written": "s", "labeler": "ann"}
            {"kind": "review", "prompt": "q", "response": "t", "cannot_judge": "no", "labeler": "ann"}
            {"kind": "review", "prompt": "both", "response": "u", "verdict": "accept", "labeler": "ann"}
            {"kind": "review", "prompt": "both", "response": "u", "verdict": "reject", "labeler": "bob"}
            """));
        var file = PathOf("labeled.jsonl");
        File.WriteAllText(file, TaskRow.Export(store, ExportedRows.Labeled));
        var read = DataReader.Labeled(new DataSource { Path = [file] }, ".", new Ledger("test")).ToList();

        Assert.Equal([("3", true), ("Go.", false), ("u", true), ("u", false)], read.Select(row => (row.Answer.Content, row.Desirable)));
        Assert.Equal("Instruction: Add.\nInput: 1, 2\nAnswer:", read[0].Prompt.Text);
        Assert.Equal(["user"], read[1].Prompt.AsMessages().Select(turn => turn.Role));
    }
}
