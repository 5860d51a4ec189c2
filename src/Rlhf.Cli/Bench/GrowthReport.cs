using System.Globalization;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Reports;
using Rlhf.Reports.Charts;

namespace Rlhf.Cli.Bench;

/// <summary>The straight line through points, by least squares of the relative errors.</summary>
/// <param name="Start">At 0.</param>
/// <param name="Slope">For each unit.</param>
/// <param name="LargestDeviation">Of a point from the line, as a share of the point.</param>
internal sealed record GrowthLine(double Start, double Slope, double LargestDeviation)
{
    /// <summary>Fits the line; each point counts by its share, as a small one tells as much about the shape as a large one.</summary>
    public static GrowthLine Through(IReadOnlyList<(double X, double Y)> points)
    {
        var (w, wx, wxx, wy, wxy) = (0.0, 0.0, 0.0, 0.0, 0.0);
        foreach (var (x, y) in points)
        {
            var weight = 1 / (y * y);
            (w, wx, wxx, wy, wxy) = (w + weight, wx + (weight * x), wxx + (weight * x * x), wy + (weight * y), wxy + (weight * x * y));
        }

        var slope = ((w * wxy) - (wx * wy)) / ((w * wxx) - (wx * wx));
        var start = (wy - (slope * wx)) / w;
        return new GrowthLine(start, slope, points.Max(point => Math.Abs(start + (slope * point.X) - point.Y) / point.Y));
    }
}

/// <summary>What <c>rlhf bench --growth</c> found, as JSON, as tables in Markdown, and as drawings.</summary>
/// <param name="Axes">The points of each axis.</param>
/// <param name="Precision"><c>f32</c> or <c>bf16</c>.</param>
/// <param name="Device">What computed.</param>
internal sealed record GrowthReport(IReadOnlyList<(GrowthAxis Axis, IReadOnlyList<GrowthPoint> Points)> Axes, string Precision, string Device)
{
    /// <summary>Name of the document's section.</summary>
    public const string Section = "growth";

    private const string Images = "images"; // folder of the drawings, beside the document
    private const double MiB = 1 << 20;
    private const double KiB = 1 << 10;
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>One JSON object on one line.</summary>
    public string ToJson()
    {
        var json = new JsonObject { ["precision"] = Precision, ["device"] = Device };
        foreach (var (axis, points) in Axes)
        {
            json[NameOf(axis)] = new JsonArray([.. points.Select(static point => new JsonObject
            {
                ["value"] = point.Value,
                ["training_tokens_per_s"] = Math.Round(point.TrainingRate, 1),
                ["scoring_tokens_per_s"] = Math.Round(point.ScoringRate, 1),
                ["training_bytes"] = point.TrainingBytes,
                ["scoring_bytes"] = point.ScoringBytes,
            })]);
        }

        return json.ToJsonString(Json);
    }

    /// <summary>Tables, drawings by their paths, and the lines through the memory of the axes that should be straight.</summary>
    public string ToMarkdown()
    {
        var held = GrowthShape.Base;
        var text = new StringBuilder();
        text.Append(
            CultureInfo.InvariantCulture,
            $"{Device}, {Precision}. Four blocks of GPT-2; what is not varied: {held.Batch} sequences of {held.Length} tokens, vocabulary {held.Vocabulary}, width {held.Width}.\n");
        foreach (var (axis, points) in Axes)
        {
            text.Append(CultureInfo.InvariantCulture, $"\n![Growth with {TitleOf(axis)}]({Images}/{ImageOf(axis)})\n\n");
            text.Append(CultureInfo.InvariantCulture,
                $"| {TitleOf(axis)} | training, tokens/s | scoring, tokens/s | training, MiB | scoring, MiB |\n| --- | --- | --- | --- | --- |\n");
            foreach (var point in points)
            {
                text.Append(
                    CultureInfo.InvariantCulture,
                    $"| {point.Value:N0} | {point.TrainingRate:N0} | {point.ScoringRate:N0} | {point.TrainingBytes / MiB:N1} | {point.ScoringBytes / MiB:N1} |\n");
            }

            if (axis is GrowthAxis.Length or GrowthAxis.Batch)
            {
                text.Append('\n').Append(LineOf(axis, "Training", points, static point => point.TrainingBytes))
                    .Append(LineOf(axis, "Scoring", points, static point => point.ScoringBytes));
            }
        }

        return text.ToString();
    }

    /// <summary>Writes the tables between the document's markers <c>growth:begin</c> and <c>growth:end</c>, and the drawings to the folder <c>images</c> beside
    /// it.</summary>
    /// <exception cref="InputException">The document is absent or lacks the markers.</exception>
    public void WriteTo(string document)
    {
        MarkedSection.Replace(document, Section, ToMarkdown());
        var folder = Directory.CreateDirectory(Path.Combine(Path.GetDirectoryName(Path.GetFullPath(document))!, Images)).FullName;
        foreach (var (axis, points) in Axes)
        {
            File.WriteAllText(Path.Combine(folder, ImageOf(axis)), DrawingOf(axis, points));
        }
    }

    /// <summary>What stands in the title of an axis.</summary>
    public static string TitleOf(GrowthAxis axis) => axis switch
    {
        GrowthAxis.Length => "tokens of a sequence",
        GrowthAxis.Batch => "sequences of a step",
        GrowthAxis.Vocabulary => "vocabulary",
        GrowthAxis.Width => "width",
        _ => throw new ArgumentOutOfRangeException(nameof(axis)),
    };

    private static string NameOf(GrowthAxis axis) => SnakeCase.Of(axis);

    private static string ImageOf(GrowthAxis axis) => $"growth-{NameOf(axis)}.svg";

    private static string LineOf(GrowthAxis axis, string what, IReadOnlyList<GrowthPoint> points, Func<GrowthPoint, long> bytes)
    {
        var tokens = axis == GrowthAxis.Length ? GrowthShape.Base.Batch : GrowthShape.Base.Length; // of the whole step, for each unit of the axis
        var line = GrowthLine.Through([.. points.Select(point => ((double)point.Value * tokens, (double)bytes(point)))]);
        return string.Create(
            CultureInfo.InvariantCulture,
            $"{what}: {line.Start / MiB:N1} MiB and {line.Slope / KiB:N2} KiB for each token; the points lie within {NumberText.Percent(line.LargestDeviation)} of this line. ").TrimEnd() + "\n";
    }

    private static string DrawingOf(GrowthAxis axis, IReadOnlyList<GrowthPoint> points)
    {
        Series[] Two(Func<GrowthPoint, double> training, Func<GrowthPoint, double> scoring) =>
            [new("training step", [.. points.Select(point => ((double)point.Value, training(point)))], Smooth: false),
                new("scoring", [.. points.Select(point => ((double)point.Value, scoring(point)))], Smooth: false)];
        return ChartSheet.Draw(
            [
                new(new("Speed", $"Tokens a second against {TitleOf(axis)}", TitleOf(axis), "tokens/s"),
                Two(static point => point.TrainingRate, static point => point.ScoringRate), LogX: true),
                new(new("Memory", $"Memory against {TitleOf(axis)}", TitleOf(axis), "MiB"),
                Two(static point => point.TrainingBytes / MiB, static point => point.ScoringBytes / MiB)),
            ],
            columns: 2);
    }
}
