using System.Text.Json;
using Microsoft.Playwright;

namespace Rlhf.Web.Tests.Browsing;

/// <summary>A fact that needs a browser and axe-core; skipped, and says so, where one is not installed.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class AxeFactAttribute : BrowserFactAttribute
{
    public AxeFactAttribute()
    {
        Skip ??= AxeCheck.IsInstalled ? null : "axe-core is not installed (npm ci in tests/axe): no page is looked at with it";
    }
}

/// <summary>What axe-core finds on a page: WCAG 2.2 AA and its own good practice. <see cref="PageCheck"/> asks it about every page.</summary>
internal static class AxeCheck
{
    public static string Script { get; } = Path.Combine(Root(), "tests", "axe", "node_modules", "axe-core", "axe.min.js");

    public static bool IsInstalled => File.Exists(Script);

    /// <summary>Refuses every violation.</summary>
    public static async Task Look(IPage page, string name)
    {
        // Evaluated by the browser itself: no page needs to allow it.
        await page.EvaluateAsync(await File.ReadAllTextAsync(Script));
        var found = await page.EvaluateAsync<JsonElement>(
            """
            async () => (await axe.run(document)).violations
              .map(one => `${one.id}: ${one.help}: ${one.nodes.slice(0, 3).map(node => node.html.slice(0, 160)).join(" | ")}`)
            """);
        var violations = found.EnumerateArray().Select(one => one.GetString()).ToList();
        Assert.True(violations.Count == 0, $"{name}: {string.Join(Environment.NewLine, violations)}");
    }

    private static string Root()
    {
        var folder = AppContext.BaseDirectory;
        while (!File.Exists(Path.Combine(folder, "Rlhf.slnx")))
        {
            folder = Path.GetDirectoryName(folder) ?? throw new DirectoryNotFoundException("The tests run inside the repository.");
        }

        return folder;
    }
}
