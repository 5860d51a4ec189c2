using System.Globalization;
using System.Text.RegularExpressions;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>
/// A model that llama.cpp has split: <c>NAME-00001-of-00003.gguf</c> has the metadata, and each part says with <c>split.no</c> (from 0) and <c>split.count</c>
/// which it is.
/// </summary>
internal static partial class GgufParts
{
    /// <summary>The files of a model by the name of its first: that alone, or all parts.</summary>
    public static IReadOnlyList<string> Of(string path)
    {
        if (PartName().Match(path) is not { Success: true } name || !int.TryParse(name.Groups["count"].ValueSpan, CultureInfo.InvariantCulture, out var count))
        {
            return [path];
        }

        return count < 2 ? [path] : [.. Enumerable.Range(0, count).Select(number => NameOf(name, number))];
    }

    /// <summary>Refuses a file that is not the part for which its name, or its place, stands.</summary>
    /// <param name="file">The file alone.</param>
    /// <param name="number">Which part it should be, from 0.</param>
    /// <param name="count">How many there should be.</param>
    public static void Check(GgufFile file, int number, int count)
    {
        var named = PartName().Match(file.Path);
        var (own, parts) = (file.Metadata.Count(GgufKeys.SplitNumber, 0), file.Metadata.Count(GgufKeys.Splits, 1));
        if (number == 0 && own > 0)
        {
            throw file.Metadata.Refuse(GgufKeys.SplitNumber, named.Success
                ? $"means that this is not the first part of the model: give that, {NameOf(named, 0)}"
                : "means that this is not the first part of the model: give that");
        }

        if (own != number || parts != count)
        {
            throw file.Metadata.Refuse(own != number ? GgufKeys.SplitNumber : GgufKeys.Splits,
                FormattableString.Invariant($"does not fit: this should be part {number + 1} of {count} of one model. Fetch all parts again"));
        }

        var promised = named.Success ? int.Parse(named.Groups["count"].ValueSpan, CultureInfo.InvariantCulture) : 1;
        if (count == 1 && promised > 1)
        {
            throw file.Metadata.Refuse(GgufKeys.Splits,
                FormattableString.Invariant($"does not say what the file's name says, that it is one of {promised}: give it another name if it is whole, or fetch all parts again"));
        }

        if (count != promised)
        {
            throw file.Metadata.Refuse(GgufKeys.Splits,
                FormattableString.Invariant($"means that this is one of {count} files, which are found by their names: NAME-00001-of-{count:00000}.gguf and so on in one folder"));
        }
    }

    /// <summary>Refuses parts that have fewer or more tensors than the first one announces.</summary>
    public static GgufFile RequireAll(GgufFile file) =>
        file.Metadata.Count(GgufKeys.SplitTensors, file.Tensors.Count) is var announced && announced == file.Tensors.Count
            ? file
            : throw file.Metadata.Refuse(GgufKeys.SplitTensors,
                FormattableString.Invariant($"does not fit: the parts have {file.Tensors.Count} tensors. Fetch all parts again"));

    private static string NameOf(Match name, int number) =>
        FormattableString.Invariant($"{name.Groups["start"].Value}-{number + 1:00000}-of-{name.Groups["count"].Value}{name.Groups["ending"].Value}");

    [GeneratedRegex(@"^(?<start>.*)-(?<number>\d{5})-of-(?<count>\d{5})(?<ending>\.gguf)$", RegexOptions.IgnoreCase | RegexOptions.Singleline)]
    private static partial Regex PartName();
}
