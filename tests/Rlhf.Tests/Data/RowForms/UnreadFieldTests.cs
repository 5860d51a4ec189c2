using FsCheck;
using FsCheck.Fluent;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.World;

namespace Rlhf.Tests.Data.RowForms;

/// <summary>No field that changes what a row means falls away in silence.</summary>
public sealed class UnreadFieldTests : IDisposable
{
    /// <summary>Rows that are read, without their closing brace.</summary>
    private static readonly string[] Rows =
    [
        """{"prompt":"Q","response":"A" """,
        """{"prompt":"Q","completion":"A","id":"x" """,
        """{"instruction":"Q","input":"I","output":"A" """,
        """{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A"}] """,
        """{"conversations":[{"from":"human","value":"Q"},{"from":"gpt","value":"A"}] """,
        """{"prompt":"Q","chosen":"A","rejected":"B" """,
        """{"chosen":"\n\nHuman: Q\n\nAssistant: A","rejected":"\n\nHuman: Q\n\nAssistant: B" """,
        """{"prompt":"Q","responses":["A","B"],"ranking":[[0],[1]] """,
        """{"prompt":"Q" """,
        """{"text":"T" """,
    ];

    private static readonly string[] Meaningful =
    [
        "\"label\":\"bad\"", "\"score\":1.5", "\"rating\":1", "\"preference\":\"B\"", "\"winner\":\"model_b\"", "\"better_response_id\":1",
        "\"is_response_0_safe\":false",
        "\"quality\":\"low\"", "\"helpfulness\":0", "\"user_score\":-3", "\"reward_value\":-2", "\"deleted\":true", "\"is_spam\":true", "\"response_2\":\"B\"",
        "\"generations\":[\"B\"]", "\"context\":\"C\"",
        "\"documents\":[\"D\"]", "\"system_prompt\":\"S\"", "\"functions\":[{\"name\":\"f\"}]", "\"images\":[\"i.png\"]", "\"verdict\":\"wrong\"",
        "\"annotatorLabels\":[0,1]", "\"votes\":-7", "\"thumbs_up\":false",
        "\"parent_id\":\"p\"", "\"rejected_response\":\"B\"", "\"human_ref_B\":\"B\"", "\"loss\":false", "\"train\":false", "\"grades\":{\"a\":1}",
    ];

    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    public static TheoryData<string> AllMeaningful => [.. Meaningful];

    [Theory]
    [InlineData("label")]
    [InlineData("kto_tag")]
    public void An_answer_to_avoid_is_a_record_of_its_own_and_nothing_else(string label)
    {
        var row = Assert.Single(Rlhf.Data.Tables.DataRows.Read(_folder.Write("rows.jsonl", $"{{\"prompt\":\"Q\",\"completion\":\"A\",\"{label}\":false}}")));
        var labeled = AnyRecord.Parse(row, new DataSource()).Labeled!;
        Assert.Equal(("Q", "A", false), (labeled.Prompt.Text, labeled.Answer.Content, labeled.Desirable));
        foreach (var kind in new[] { RecordKind.Demonstration, RecordKind.Ranking, RecordKind.Text })
        {
            Assert.Throws<InputException>(() => AnyRecord.Parse(row, new DataSource(), kind));
        }
    }

    [Theory]
    [MemberData(nameof(AllMeaningful))]
    public void A_field_that_changes_what_a_row_means_is_refused_beside_every_kind_of_row(string field)
    {
        foreach (var row in Rows)
        {
            var error = Assert.Throws<InputException>(() => Read($"{row},{field}}}"));
            Assert.Contains(field.Split('"')[1], error.Message, StringComparison.Ordinal);
        }
    }

    [Theory]
    [MemberData(nameof(AllMeaningful))]
    public void It_may_be_left_out_on_purpose(string field)
    {
        foreach (var row in Rows)
        {
            Assert.Single(Read($"{row},{field}}}", field.Split('"')[1]));
        }

        Assert.Contains($"note: {Rows.Length} x field ignored as asked: {field.Split('"')[1]}", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"category\":\"open_qa\"")]
    [InlineData("\"source\":\"web\"")]
    [InlineData("\"token_count\":12")]
    [InlineData("\"created_at\":\"2026\"")]
    [InlineData("\"metadata\":{\"a\":1}")]
    public void Any_other_field_is_counted_and_named(string field)
    {
        foreach (var row in Rows)
        {
            Assert.Single(Read($"{row},{field}}}"));
        }

        Assert.Contains($"note: {Rows.Length} x field not used: {field.Split('"')[1]}", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"label\":null")]
    [InlineData("\"context\":\"\"")]
    [InlineData("\"system\":\"\"")]
    [InlineData("\"tools\":[]")]
    [InlineData("\"deleted\":false")]
    [InlineData("\"weight\":1")]
    public void A_field_that_says_nothing_is_no_error(string field) => Assert.All(Rows, row => Assert.Single(Read($"{row},{field}}}")));

    [Fact]
    public void Random_fields_beside_random_rows_are_refused_or_named()
    {
        string[] words =
        [
            "label",
            "score",
            "rank",
            "preferred",
            "source",
            "lang",
            "context",
            "tool",
            "deleted",
            "note",
            "topic",
            "weight",
            "rejected",
            "answer",
            "system",
            "x1",
            "",
            "best",
        ];
        string[] values = ["1", "0", "-2.5", "true", "false", "\"text\"", "[1]", "{\"a\":2}"];
        var name = from first in Gen.Elements(words)
                   from second in Gen.Elements(words)
                   from joint in Gen.Elements("_", "-", "",
            " ")
                   select first + joint + second;
        var row = from start in Gen.Elements(Rows)
                  from own in name
                  from value in Gen.Elements(values)
                  where !start.Contains(
            $"\"{own}\":", StringComparison.Ordinal)
                  select (start, own, value);
        Check.One(Config.QuickThrowOnFailure.WithMaxTest(1000), Prop.ForAll(row.ToArbitrary(), given =>
        {
            var ledger = new Ledger("check");
            try
            {
                var source = _folder.Rows($"{given.start},\"{given.own}\":{given.value}}}");
                var records = DataReader.Read(source, _folder.Path, ledger, null).ToList();
                return given.own is "weight" or "system" or "context" or "tools" or "history" // These are read.
                    || (given.own == "label" && records.TrueForAll(record => record.Labeled is not null))
                    || ledger.ToText().Contains($"field not used: {given.own} ", StringComparison.Ordinal);
            }
            catch (InputException e)
            {
                var place = FormattableString.Invariant($"rows.jsonl:1:{given.start.Length + given.own.Length + 5}: ");
                return e.Message.Contains($"\"{given.own}\"", StringComparison.Ordinal) || e.Message.StartsWith(place, StringComparison.Ordinal);
            }
        }));
    }

    [Fact]
    public void Fields_of_messages_are_held_to_the_same_rule()
    {
        var error = Assert.Throws<InputException>(() => Read("""{"messages":[{"role":"user","content":"Q"},{"role":"assistant","content":"A","score":1}]}"""));
        Assert.StartsWith("rows.jsonl:1:86: the field \"messages[].score\" says how good an answer is", error.Message, StringComparison.Ordinal);
        Assert.Single(Read("""{"messages":[{"role":"user","content":"Q","id":7},{"role":"assistant","content":"A","id":8}]}"""));
        Assert.Contains("field not used: messages[].id", _folder.Ledger.ToText(), StringComparison.Ordinal);
    }

    [Fact]
    public void Where_prompts_are_asked_for_answers_and_labels_are_named_but_what_is_asked_must_be_whole()
    {
        var kto = """{"prompt":"Q","completion":"A","label":false}""";
        Assert.Single(Read(kto, kind: RecordKind.Prompt));
        Assert.Contains("field not used: completion", _folder.Ledger.ToText(), StringComparison.Ordinal);
        Assert.Contains("field not used: label", _folder.Ledger.ToText(), StringComparison.Ordinal);
        Assert.Throws<InputException>(() => Read("""{"prompt":"Q","context":"C"}""", kind: RecordKind.Prompt));
        Assert.Throws<InputException>(() => Read("""{"prompt":"Q","deleted":true}""", kind: RecordKind.Prompt));
    }

    [Fact]
    public void An_ignored_field_that_no_row_has_is_an_error() =>
        Assert.Equal(
            "rows.jsonl: no row has the field labels that the option ignore names.", Assert.Throws<InputException>(() => Read("\"text\"", "labels")).Message);

    [Fact]
    public void A_custom_format_must_name_what_was_read_into_the_prompt()
    {
        var alpaca = """{"instruction":"Q","input":"I","system":"S","output":"A"}""";
        var format = new FormatOptions { Template = FormatTemplate.Custom, Prompt = "{instruction} [[{input}]]" };
        Assert.Contains("the field \"system\", and the custom format's text does not name it",
            Assert.Throws<InputException>(() => Read(alpaca, format: format)).Message, StringComparison.Ordinal);
        Assert.Contains("\"input\"", Assert.Throws<InputException>(() => Read(alpaca, format: format with { Prompt = "{system} {instruction}" })).Message,
            StringComparison.Ordinal);
        Assert.Single(Read(alpaca, format: format with { Prompt = "{system} {instruction} [[{input}]]" }));
    }

    private List<AnyRecord> Read(string row, string? ignored = null, RecordKind? kind = null, FormatOptions? format = null)
    {
        var source = _folder.Rows(row) with { Ignore = ignored is null ? [] : [ignored], Format = format };
        return [.. DataReader.Read(source, _folder.Path, _folder.Ledger, kind)];
    }
}
