using Microsoft.Playwright;

namespace Rlhf.Web.Tests.Browsing;

/// <summary>Pictures of pages: into <c>artifacts/screenshots</c>, or with <c>RLHF_SCREENSHOTS</c> into that folder, such as <c>docs/images</c>.</summary>
internal static class Screenshots
{
    public static async Task Take(IPage page, string name)
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Rlhf.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run inside the repository.");
        }

        var target = Environment.GetEnvironmentVariable("RLHF_SCREENSHOTS") is { Length: > 0 } wanted
            ? Path.GetFullPath(wanted, folder)
            : Path.Combine(folder, "artifacts", "screenshots");
        await page.ScreenshotAsync(new PageScreenshotOptions { Path = Path.Combine(target, name + ".png") });
    }
}
