using Rlhf.Data;
using Rlhf.Data.Tables;

namespace Rlhf.Tests.Data.Tables;

/// <summary>Rows of a file that must have some.</summary>
internal static class SoundRows
{
    public static IReadOnlyList<string> Of(string path)
    {
        string[] rows = [.. DataRows.Read(path).Select(row => RowJson.Of(row.Parse()))];
        Assert.NotEmpty(rows);
        return rows;
    }
}
