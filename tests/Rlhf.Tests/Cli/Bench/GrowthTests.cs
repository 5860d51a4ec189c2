using System.Xml.Linq;
using Rlhf.Cli;
using Rlhf.Cli.Bench;
using Rlhf.Compute.Cpu;
using Rlhf.World;

namespace Rlhf.Tests.Cli.Bench;

public sealed class GrowthTests
{
    private static readonly GrowthReport Report = new(
        [.. Enum.GetValues<GrowthAxis>()
            .Select(static axis => (axis, (IReadOnlyList<GrowthPoint>)[new(128, 100, 400, 3 << 20, 1 << 20), new(256, 90, 300, 5 << 20, 2 << 20),
                new(512, 80, 200, 9 << 20, 4 << 20)]))],
        "f32", "a device");

    [Fact]
    public void Memory_is_linear_in_length()
    {
        var growth = new Growth(static () => CpuDevice.Create(1), repetitions: 1, static _ => { });
        GrowthPoint[] points = [.. new[] { 64, 128, 256, 512 }.Select(length => growth.Measure(length, Shape(length)))];

        foreach (var bytes in new Func<GrowthPoint, long>[] { static point => point.TrainingBytes, static point => point.ScoringBytes })
        {
            var line = GrowthLine.Through([.. points.Select(point => ((double)point.Value, (double)bytes(point)))]);
            Assert.InRange(line.LargestDeviation, 0, 0.02);
            Assert.True(line.Slope > 0 && bytes(points[^1]) > 1.5 * bytes(points[0]));
        }

        Assert.All(points, static point => Assert.True(point.TrainingBytes > point.ScoringBytes && point.TrainingRate > 0 && point.ScoringRate > 0));

        static BenchmarkShape Shape(int length) => new("tiny", 64, 64, 2, 1, 2, length, [], [], 1, 1) { MicroBatchTokens = 2 * length };
    }

    [Fact]
    public void A_line_is_found_and_what_bends_deviates_from_it()
    {
        var line = GrowthLine.Through([(1, 5), (2, 7), (4, 11)]);

        Assert.Equal((3.0, 2.0, 0.0), (Math.Round(line.Start, 9), Math.Round(line.Slope, 9), Math.Round(line.LargestDeviation, 9)));
        Assert.True(GrowthLine.Through([(1, 1), (2, 4), (4, 16)]).LargestDeviation > 0.1);
    }

    [Fact]
    public void The_document_gets_tables_between_its_markers_and_drawings_beside_it()
    {
        using var folder = new TestFolder();
        var document = Path.Combine(folder.Path, "page.md");
        File.WriteAllText(document, "before\n<!-- growth:begin -->\nold\n<!-- growth:end -->\nafter\n");

        Report.WriteTo(document);

        var text = File.ReadAllText(document);
        Assert.StartsWith("before\n<!-- growth:begin -->\na device, f32", text, StringComparison.Ordinal);
        Assert.EndsWith("<!-- growth:end -->\nafter\n", text, StringComparison.Ordinal);
        Assert.DoesNotContain("old", text);
        Assert.Contains("Training: 1.0 MiB and 4.00 KiB for each token;", text);
        foreach (var axis in Enum.GetValues<GrowthAxis>())
        {
            var image = $"images/growth-{axis.ToString().ToLowerInvariant()}.svg";
            Assert.Contains($"({image})", text);
            Assert.Equal("svg", XDocument.Load(Path.Combine(folder.Path, image)).Root!.Name.LocalName);
        }
    }

    [Theory]
    [InlineData("--growth", "--document", "absent.md", "absent.md: there is no such file")]
    [InlineData("--growth", "--document", "README.md", "<!-- growth:begin -->")]
    [InlineData("--json", "--document", "README.md", "--growth")]
    public void A_document_that_cannot_take_the_tables_is_refused_before_anything_is_measured(string first, string second, string file, string expected)
    {
        using var folder = new TestFolder();
        File.WriteAllText(Path.Combine(folder.Path, "README.md"), "no markers");
        using var output = new StringWriter();
        using var error = new StringWriter();

        Assert.Equal(ExitCode.BadInput, Program.Run(["bench", first, second, Path.Combine(folder.Path, file)], output, error));
        Assert.Contains(expected, error.ToString());
    }
}
