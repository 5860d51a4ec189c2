using Microsoft.Playwright;
using Rlhf.Web.Labeling;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class OwnerPageTests(Browser browser)
{
    [BrowserFact]
    public async Task The_owner_signs_in_sees_agreement_and_decides()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        Examples.Rank(server);
        var token = server.Store.AddUser("owner", UserRole.Owner);
        var (page, errors) = await browser.OpenAsync(server.Address, height: 1000);
        await page.GotoAsync("/owner");
        await page.FillAsync("#token", token);
        await page.Keyboard.PressAsync("Enter");
        await page.Locator(".card").First.WaitForAsync();
        await page.ClickAsync("#owner");
        await Assertions.Expect(page.Locator("#labelers tr")).ToHaveCountAsync(3);
        await Assertions.Expect(page.Locator("#agreement dd").First).ToHaveTextAsync("20");
        await Assertions.Expect(page.Locator("#rounds tr td").Nth(1)).ToHaveTextAsync("52");
        await Screenshots.Take(page, "label-owner");

        await page.FillAsync("#overlap", "4");
        await page.FillAsync("#instructions-source", "# Be fair");
        await page.ClickAsync("#settings .primary");
        await Assertions.Expect(page.Locator("#done")).ToHaveTextAsync("Saved");
        Assert.Equal((4, "# Be fair"), (server.Store.Settings().Overlap, server.Store.Settings().Instructions));
        await page.ClickAsync("#pause");
        await Assertions.Expect(page.Locator("#pause")).ToHaveTextAsync("Resume");
        Assert.True(server.Store.Settings().Paused);

        await Assertions.Expect(page.Locator("#details")).ToBeHiddenAsync();
        await page.Locator("#disputed button").First.ClickAsync();
        await Assertions.Expect(page.Locator("#details")).ToBeVisibleAsync();
        await page.ClickAsync("#decide");
        await page.Locator(".card").First.WaitForAsync();
        foreach (var key in (string[])["1", "2", "3", "4", "Enter"])
        {
            await page.Keyboard.PressAsync(key);
        }

        await Assertions.Expect(page.Locator("#saved")).ToHaveTextAsync("Saved");
        Assert.Equal("owner", Assert.Single(server.Store.Rankings(), ranking => ranking.Adjudication).Labeler);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
