using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

public sealed class JudgeComparisonTests
{
    private const string Rows =
        """
        {"prompt": "p", "responses": ["a", "b", "c"], "ranking": [[0], [1], [2]], "labeler": "gpt"}
        {"prompt": "p", "responses": ["a", "b", "c"], "ranking": [[0], [1], [2]], "labeler": "ann", "criteria": [{"True": 5}, {"True": 3}, {"True": 3}]}
        {"prompt": "p", "responses": ["a", "b", "c"], "ranking": [[1], [0, 2]], "labeler": "bob", "criteria": [{"True": 1}, {"True": 2}, {}]}
        {"prompt": "of the judge alone", "responses": ["a", "b"], "ranking": [[0], [1]], "labeler": "gpt"}
        {"prompt": "of people alone", "responses": ["a", "b"], "ranking": [[0], [1]], "labeler": "ann"}
        {"prompt": "not judged", "responses": ["a", "b"], "ranking": [[0], [1]], "labeler": "ann"}
        {"prompt": "not judged", "responses": ["a", "b"], "cannot_judge": "no", "labeler": "gpt"}
        """;

    public static TheoryData<string> Kinds => TestStore.Kinds;

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Pairs_of_answers_are_compared_where_both_have_ranked(string kind)
    {
        using var test = new TestStore(kind);
        test.Store.Import(TaskRow.Read(Rows));
        var found = JudgeComparison.Of(test.Store, "gpt");

        Assert.Equal(1, found.Prompts);
        Assert.Equal([[4, 0, 0], [1, 0, 0], [1, 0, 0]], found.Confusion); // Rows: what people say. Ann says the same three times, bob once.
        Assert.Equal(4.5 / 6, found.Agreement!.Value, 12);
        Assert.Equal(1.5 / 3, found.Between!.Value, 12);
        var criterion = Assert.Single(found.Criteria);
        Assert.Equal(("True", 2 / 3.0), (criterion.Name, criterion.Agreement.Value)); // Equal and missing scores say nothing.
    }

    [Fact]
    public void An_owners_decision_stands_for_what_people_said()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(
            Rows + "\n" + """{"prompt": "p", "responses": ["a", "b", "c"], "ranking": [[2], [1], [0]], "labeler": "me", "adjudication": true}"""));
        var found = JudgeComparison.Of(test.Store, "gpt");

        Assert.Equal([[0, 0, 0], [0, 0, 0], [3, 0, 0]], found.Confusion);
        Assert.Equal((0, null), (found.Agreement!.Value, found.Between));
    }

    [Fact]
    public void Somebody_who_has_ranked_nothing_is_compared_with_nobody()
    {
        using var test = new TestStore(TestStore.Sqlite);
        test.Store.Import(TaskRow.Read(Rows));
        var found = JudgeComparison.Of(test.Store, "zoe");
        Assert.Equal((0, null, null), (found.Prompts, found.Agreement, found.Between));
    }
}
