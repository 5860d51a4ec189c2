using Microsoft.Playwright;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>What a labeler does first.</summary>
internal static class Visit
{
    /// <summary>Opens the ranking page and closes the instructions, which are shown on a first visit.</summary>
    public static async Task Begin(IPage page, string path = "/")
    {
        await page.GotoAsync(path);
        await CloseInstructions(page);
    }

    /// <summary>Reads the instructions.</summary>
    public static async Task CloseInstructions(IPage page)
    {
        await page.ClickAsync("#instructions .primary");
        await Assertions.Expect(page.Locator("#instructions")).ToBeHiddenAsync();
    }
}
