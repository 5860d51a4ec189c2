using Rlhf.Reporting;

namespace Rlhf.Tests.Reporting;

public class TextTableTests
{
    [Fact]
    public void Columns_of_numbers_stand_right_and_texts_left()
    {
        using var output = new StringWriter { NewLine = "\n" };
        new TextTable("row", "score", "text").AddRow("a", "-1.5", "x").AddRow("bb", "10").Write(output);
        Assert.Equal("row  score  text\na     -1.5  x\nbb      10\n", output.ToString());
    }

    [Fact]
    public async Task A_table_of_a_hundred_thousand_rows_is_written_in_time_in_proportion()
    {
        var table = new TextTable("position", "id", "token");
        for (var row = 0; row < 100_000; row++)
            table.AddRow("1", "2", "x");
        // Looked at again for each row, its columns would take minutes.
        await Task.Run(() => table.Write(TextWriter.Null)).WaitAsync(TimeSpan.FromSeconds(60));
    }
}
