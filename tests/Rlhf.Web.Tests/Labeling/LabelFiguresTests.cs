using Rlhf.Labelers.Store;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>What the owner's page draws and warns of, against numbers worked out by hand.</summary>
public sealed class LabelFiguresTests
{
    public static TheoryData<string> Kinds => TestStore.Kinds;

    private static long At(int day) => new DateTimeOffset(2026, 1, day, 9, 0, 0, TimeSpan.Zero).ToUnixTimeMilliseconds();

    private static LabelReport Report(TestStore test, IEnumerable<string> rows)
    {
        test.Store.Import(TaskRow.Read(string.Join('\n', rows)));
        return LabelReport.Of(test.Store);
    }

    [Theory]
    [MemberData(nameof(Kinds))]
    public void Days_pairs_times_and_places_are_counted(string kind)
    {
        using var test = new TestStore(kind);
        var figures = Report(test,
        [
            $$"""{"id": "1", "prompt": "p", "responses": ["a", "b", "c"], "ranking": [[0], [1], [2]], "labeler": "ann", "order_shown": [0, 1, 2], "seconds": 10, "created_at": {{At(5)}}}""",
            $$"""{"id": "1", "prompt": "p", "responses": ["a", "b", "c"], "ranking": [[1], [0], [2]], "labeler": "bob", "order_shown": [2, 1, 0], "seconds": 20, "created_at": {{At(6)}}}""",
            $$"""{"id": "2", "prompt": "q", "responses": ["a", "b", "c"], "cannot_judge": "no", "labeler": "bob", "seconds": 30, "created_at": {{At(6)}}}""",
        ]).Figures;

        Assert.Equal([new DayFigure("2026-01-05", 1, 0), new DayFigure("2026-01-06", 1, 1)], figures.ByDay);
        var pair = Assert.Single(figures.ByPair);
        Assert.Equal(("ann", "bob", 2 / 3.0), (pair.First, pair.Second, pair.Agreement.Value)); // Of three pairs of answers, a and b stand the other way round.
        Assert.Equal(["ann", "bob"], figures.ByLabeler.Select(time => time.Labeler));
        Assert.Equal([10, 10, 10, 10, 10], figures.ByLabeler[0].Quantiles);
        Assert.Equal([20, 20, 20, 30, 30], figures.ByLabeler[1].Quantiles);
        var places = Assert.Single(figures.ByPosition);
        Assert.Equal(3, places.Answers);
        Assert.Equal([[1, 0, 1], [1, 1, 0], [0, 1, 1]], places.Ranks);
    }

    [Theory]
    [InlineData(6, 2, true)]
    [InlineData(5, 1, false)] // A fifth is not more than a fifth.
    [InlineData(4, 4, false)] // Too few to say anything.
    public void Who_is_faster_than_one_can_read_is_named(int tasks, int fast, bool isWarned)
    {
        using var test = new TestStore(TestStore.Sqlite);
        var text = new string('x', 400);
        var warnings = Report(test, Enumerable.Range(0, tasks).Select(i =>
            $$"""{"prompt": "{{i}} {{text}}", "responses": ["a", "b"], "ranking": [[0, 1]], "labeler": "ann", "seconds": {{(i < fast ? 3 : 6)}}}""")).Warnings;

        Assert.Equal(isWarned ? [("ann", "pace")] : [], warnings.Select(warning => (warning.Labeler, warning.Kind)));
        Assert.All(warnings, warning => Assert.StartsWith($"{fast} of {tasks} tasks", warning.Text, StringComparison.Ordinal));
    }

    [Fact]
    public void Who_fails_calibration_items_is_named()
    {
        using var test = new TestStore(TestStore.Sqlite);
        string Row(int i, string labeler, string ranking) =>
            $$"""{"prompt": "{{i}}", "responses": ["a", "b", "c"], "known_ranking": [[0], [1], [2]], "ranking": {{ranking}}, "labeler": "{{labeler}}", "order_shown": [{{i % 3}}, {{(i + 1) % 3}}, {{(i + 2) % 3}}]}""";
        var warnings = Report(test, Enumerable.Range(0, 12).SelectMany(i =>
            (string[])[Row(i, "careful", "[[0], [1], [2]]"), Row(i, "careless", i < 6 ? "[[2], [1], [0]]" : "[[0], [2], [1]]")])).Warnings;

        var warning = Assert.Single(warnings);
        Assert.Equal(("careless", "attention"), (warning.Labeler, warning.Kind));
        Assert.Contains(" 33 % were put in the right order", warning.Text, StringComparison.Ordinal); // Two of three pairs of every second item.
    }

    [Fact]
    public void Who_takes_what_stands_first_is_named()
    {
        using var test = new TestStore(TestStore.Sqlite);
        string Row(int i, string labeler, int best) =>
            $$"""{"prompt": "{{i}}", "responses": ["a", "b"], "ranking": [[{{best}}], [{{1 - best}}]], "labeler": "{{labeler}}", "order_shown": [{{i % 2}}, {{1 - i % 2}}]}""";
        var warnings = Report(test, Enumerable.Range(0, 12).SelectMany(i => (string[])[Row(i, "fair", i / 2 % 2), Row(i, "first", i % 2)])).Warnings;

        var warning = Assert.Single(warnings);
        Assert.Equal(("first", "position"), (warning.Labeler, warning.Kind));
        Assert.Contains("in 100 % ", warning.Text, StringComparison.Ordinal);
        Assert.EndsWith("by chance in 50 %", warning.Text, StringComparison.Ordinal);
    }
}
