using Xunit.Sdk;

namespace Rlhf.Web.Tests.Browsing;

[Collection(BrowserTests.Name)]
public sealed class AxeCheckTests(Browser browser)
{
    [AxeFact]
    public async Task A_field_without_a_name_is_found()
    {
        const string Page = "<!doctype html><html lang=en><title>x</title><main><h1>x</h1>{0}</main>";
        var (page, _) = await browser.OpenAsync(new Uri("about:blank"));
        await page.SetContentAsync(string.Format(null, Page, "<label>Name <input></label>"));
        await AxeCheck.Look(page, "named");
        await page.SetContentAsync(string.Format(null, Page, "<input>"));
        var failure = await Assert.ThrowsAsync<TrueException>(() => AxeCheck.Look(page, "unnamed"));
        Assert.Contains("unnamed: label:", failure.Message, StringComparison.Ordinal);
        await page.Context.CloseAsync();
    }
}
