using System.Reflection;

namespace Rlhf.Web;

/// <summary>The pages, styles and scripts that are built into the program.</summary>
public static class WebPages
{
    /// <summary>The text of an embedded page, or null where there is none of that name.</summary>
    /// <param name="name">File name below Pages, with '/' between folders.</param>
    public static string? Read(string name)
    {
        using var stream = Assembly.GetExecutingAssembly().GetManifestResourceStream($"Rlhf.Web.Pages.{name.Replace('/', '.')}");
        if (stream is null)
        {
            return null;
        }

        using var reader = new StreamReader(stream);
        return reader.ReadToEnd();
    }
}
