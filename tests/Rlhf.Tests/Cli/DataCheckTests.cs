using System.Text.Json.Nodes;
using Rlhf.Cli;
using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

/// <summary>The figures that <c>data check</c> finds, on rows of which they are known.</summary>
public sealed class DataCheckTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    private JsonNode Check(IEnumerable<string> rows, params string[] options)
    {
        using StringWriter output = new(), error = new();
        var code = Program.Run(["data", "check", _folder.Write("rows.jsonl", string.Join('\n', rows)), "--json", .. options], output, error);
        Assert.Equal((ExitCode.Success, ""), (code, error.ToString()));
        return JsonNode.Parse(output.ToString())!;
    }

    private static (int Same, int Nearly) Repeats(JsonNode found) => ((int)found["repeated"]!, (int)found["nearly_repeated"]!);

    [Fact]
    public void Rows_that_repeat_earlier_ones_are_told_from_those_that_do_so_but_for_case_and_white_space()
    {
        var found = Check(
        [
            """{"prompt": "Name a fruit.", "response": "An apple."}""",
            """{"id": "other", "prompt": "Name a fruit.", "response": "An apple."}""",
            """{"prompt": "name  a fruit. ", "response": "AN APPLE."}""",
            """{"prompt": "Name a\nfruit.", "response": "An apple."}""",
            """{"prompt": "Name a fruit.", "response": "A pear."}""",
            """{"prompt": "Name a fruit", "response": "An apple."}""",
        ]);
        Assert.Equal((1, 2), Repeats(found));
    }

    [Fact]
    public void A_prompt_with_its_answer_is_not_the_same_as_one_that_holds_the_answer() =>
        Assert.Equal((0, 0), Repeats(Check(["""{"prompt": "ab", "response": "c"}""", """{"prompt": "a", "response": "bc"}"""])));

    [Fact]
    public void Texts_repeat_too() => Assert.Equal((1, 1), Repeats(Check(["\"Once.\"", "\"Once.\"", "\"once. \""])));

    [Fact]
    public void A_pair_that_says_the_opposite_of_an_earlier_one_is_a_contradiction_in_whatever_form()
    {
        var found = Check(
        [
            """{"prompt": "Q", "chosen": "a", "rejected": "b"}""",
            """{"prompt": "Q", "chosen": "B", "rejected": "a "}""",
            """{"prompt": "Q", "responses": ["a", "b", "c"], "ranking": [[1], [0, 2]]}""",
            """{"prompt": "R", "chosen": "b", "rejected": "a"}""",
            """{"prompt": "Q", "chosen": "a", "rejected": "b"}""",
            """{"prompt": "Q", "responses": ["a", "b"], "ranking": [[0, 1]]}""",
        ]);
        Assert.Equal((2, 6L, 2L), ((int)found["contradicted_pairs"]!, (long)found["pairs"]!, (long)found["ties"]!));
    }

    [Fact]
    public void Prompts_that_differ_in_case_alone_are_counted_where_they_fall_on_both_sides()
    {
        var (changed, kept) = (Spelling(changes: true), Spelling(changes: false));
        string[] rows = [changed, kept, changed.ToUpperInvariant(), kept.ToUpperInvariant(), kept, changed];
        Assert.Equal(1, (int)Check(rows.Select((row, i) => $$"""{"prompt": "{{row}}", "response": "{{i}}"}"""))["prompts_on_both_sides"]!);

        // A prompt whose side its capitals change, and one whose side they do not.
        static string Spelling(bool changes) => Enumerable.Range(0, 1000).Select(i => $"Prompt {i}").First(
            prompt => changes == (PromptSplit.IsHeldOut(prompt, 0.1) != PromptSplit.IsHeldOut(prompt.ToUpperInvariant(), 0.1)));
    }

    [Fact]
    public void Rows_are_counted_by_the_script_of_most_of_their_letters()
    {
        var scripts = Check(
        [
            """{"prompt": "Name a fruit.", "response": "An apple (яблоко)."}""",
            """{"prompt": "Назови фрукт.", "response": "Яблоко, apple."}""",
            """{"prompt": "水果の名前を一つ挙げてください。", "response": "りんご"}""",
            """{"prompt": "说出一种水果。", "response": "苹果"}""",
            """{"prompt": "اذكر فاكهة.", "response": "تفاحة"}""",
            """{"prompt": "2 + 2 =", "response": "4"}""",
            """{"prompt": "Ονόμασε ένα φρούτο.", "response": "Μήλο"}""",
        ])["scripts"]!;
        Assert.Equal("""{"Arabic":1,"Cyrillic":1,"Greek":1,"Han":1,"Kana":1,"Latin":1,"none":1}""", scripts.ToJsonString());
    }

    [Fact]
    public void The_values_that_rows_would_be_split_by_are_listed_with_the_prompts_that_have_several()
    {
        string[] rows =
        [
            """{"prompt": "Q", "response": "a", "topic": "cats"}""", """{"prompt": "R", "response": "a", "topic": "cats"}""",
            """{"prompt": "Q ", "response": "b", "topic": "dogs"}""", """{"prompt": "S", "response": "b", "topic": 7}""",
        ];
        var split = Check(rows, "--split-by", "topic")["split_by"]!;
        Assert.Equal("""{"7":1,"cats":2,"dogs":1}""", split["values"]!.ToJsonString());
        Assert.Equal(1, (int)split["prompts_in_several_values"]!);
        var held = new[] { "7", "cats", "dogs" }.Where(topic => PromptSplit.IsHeldOut(topic, 0.1)).ToArray();
        Assert.Equal(held.Length, (int)split["held_out_values"]!);
        Assert.Null(Check(rows)["split_by"]);
    }

    [Fact]
    public void A_row_without_the_field_to_split_by_is_bad()
    {
        using StringWriter output = new(), error = new();
        var file = _folder.Write("rows.jsonl", """{"prompt": "Q", "topic": "cats"}""" + "\n" + """{"prompt": "R"}""");
        Assert.Equal(ExitCode.BadInput, Program.Run(["data", "check", file, "--split-by", "topic"], output, error));
        Assert.Contains($"rlhf: {file}:2:1: expected the field \"topic\" that split_by names", error.ToString(), StringComparison.Ordinal);
        Assert.Contains("split by topic: 1 values", output.ToString(), StringComparison.Ordinal);
    }
}
