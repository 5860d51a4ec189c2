using System.Text;

namespace Rlhf.Reports;

/// <summary>A part of a document that a command writes: what stands between <c>&lt;!-- name:begin --&gt;</c> and <c>&lt;!-- name:end --&gt;</c>.</summary>
public static class MarkedSection
{
    /// <summary>Ends with an error if the document cannot take the section: known before what goes there has been measured.</summary>
    /// <exception cref="InputException">The document is absent or lacks the markers.</exception>
    public static void Require(string document, string name) => Find(document, name);

    /// <summary>Replaces what stands between the markers.</summary>
    /// <exception cref="InputException">The document is absent or lacks them.</exception>
    public static void Replace(string document, string name, string content)
    {
        var (text, start, end) = Find(document, name);
        var replaced = string.Concat(text.AsSpan(0, start), content, text.AsSpan(end));
        DurableFiles.WriteAtomically(document, stream => stream.Write(Encoding.UTF8.GetBytes(replaced)));
    }

    private static (string Text, int Start, int End) Find(string document, string name)
    {
        var (begin, end) = ($"<!-- {name}:begin -->\n", $"<!-- {name}:end -->");
        var text = File.Exists(document) ? WholeFile.Text(document, Limits.HandWrittenFile) : throw new InputException($"{document}: there is no such file.");
        var start = text.IndexOf(begin, StringComparison.Ordinal);
        var stop = start < 0 ? -1 : text.IndexOf(end, start, StringComparison.Ordinal);
        return stop >= 0 ? (text, start + begin.Length, stop)
            : throw new InputException($"{document}: expected the lines <!-- {name}:begin --> and <!-- {name}:end -->; what is measured goes between them.");
    }
}
