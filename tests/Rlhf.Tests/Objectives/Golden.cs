using System.Text.Json;

namespace Rlhf.Tests.Objectives;

/// <summary>Reads the numeric fixtures: padded [B,T] arrays become packed rows, and numbers are compared at the fixtures' tolerance.</summary>
internal sealed class Golden
{
    private Golden(JsonElement root) => Root = root;

    public JsonElement Root { get; }

    public JsonElement this[string name] => Root.GetProperty(name);

    public static Golden Load(params string[] parts)
    {
        using var document = JsonDocument.Parse(File.ReadAllText(ReferenceFiles.PathOf(parts)));
        return new Golden(document.RootElement.Clone());
    }

    public static int[] Offsets(int[] lengths)
    {
        var offsets = new int[lengths.Length + 1];
        for (var row = 0; row < lengths.Length; row++)
        {
            offsets[row + 1] = offsets[row] + lengths[row];
        }

        return offsets;
    }

    public static void Equal(double expected, double? actual, string what = "")
    {
        Assert.NotNull(actual);
        Assert.True(Math.Abs(expected - actual.Value) <= 1e-5 + 1e-5 * Math.Abs(expected), $"{what}: expected {expected}, found {actual}");
    }

    public static void Equal(double[] expected, float[] actual)
    {
        Assert.Equal(expected.Length, actual.Length);
        for (var i = 0; i < expected.Length; i++)
        {
            Equal(expected[i], actual[i], $"[{i}]");
        }
    }

    /// <summary>Compares a gradient with central differences of the loss.</summary>
    public static void IsGradient(float[] gradient, float[] at, Func<float[], double> loss)
    {
        for (var i = 0; i < at.Length; i++)
        {
            var (up, down) = ((float[])at.Clone(), (float[])at.Clone());
            up[i] += 1e-3f;
            down[i] -= 1e-3f;
            var slope = (loss(up) - loss(down)) / ((double)up[i] - down[i]);
            Assert.True(Math.Abs(slope - gradient[i]) <= 2e-5 + 1e-4 * Math.Abs(slope), $"[{i}]: difference {slope}, gradient {gradient[i]}");
        }
    }
}

internal static class GoldenExtensions
{
    public static double Number(this JsonElement element, string name) => element.GetProperty(name).GetDouble();

    public static int[] Ints(this JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetInt32())];

    public static double[] Doubles(this JsonElement element, string name) => [.. element.GetProperty(name).EnumerateArray().Select(e => e.GetDouble())];

    public static float[] Floats(this JsonElement element, string name) => [.. element.Doubles(name).Select(d => (float)d)];

    /// <summary>The valid part of a padded [B,T] array, packed.</summary>
    public static double[] Packed(this JsonElement element, string name, int[] lengths) =>
        [.. element.GetProperty(name).EnumerateArray().SelectMany((row, b) => row.EnumerateArray().Take(lengths[b]).Select(e => e.GetDouble()))];

    public static float[] PackedFloats(this JsonElement element, string name, int[] lengths) =>
        [.. element.Packed(name, lengths).Select(d => (float)d)];

    /// <summary>The valid part of a padded [B,T,V] array, one vector per token.</summary>
    public static double[][] PackedVectors(this JsonElement element, string name, int[] lengths) =>
        [.. element.GetProperty(name).EnumerateArray()
            .SelectMany((row, b) => row.EnumerateArray().Take(lengths[b]).Select(v => v.EnumerateArray().Select(e => e.GetDouble()).ToArray()))];
}
