using System.Globalization;
using System.Reflection;
using Rlhf.World;

namespace Rlhf.Tests.Core;

public class LimitsTests
{
    [Fact]
    public void The_documented_limits_are_those_of_the_program()
    {
        var lines = File.ReadAllLines(Path.Combine(ReferenceFiles.Repository, "docs", "limits.md"));
        var documented = lines.Where(line => line.StartsWith("| `", StringComparison.Ordinal)).Select(line => line.Split('|'))
            .ToDictionary(cells => cells[1].Trim(' ', '`'), cells => cells[2].Trim());
        var constants = typeof(Limits).GetFields(BindingFlags.Public | BindingFlags.Static).Where(field => field.IsLiteral)
            .ToDictionary(field => field.Name, field => ValueOf(field.GetRawConstantValue()!));
        Assert.Equal(constants.Keys.Append(nameof(Limits.ParallelEncodings)).Order(), documented.Keys.Order());
        Assert.All(constants, constant => Assert.Equal((constant.Key, constant.Value), (constant.Key, documented[constant.Key])));
    }

    private static string ValueOf(object value) => value is double number
        ? number.ToString(CultureInfo.InvariantCulture).ToLowerInvariant()
        : Convert.ToInt64(value, CultureInfo.InvariantCulture).ToString("N0", CultureInfo.InvariantCulture);
}
