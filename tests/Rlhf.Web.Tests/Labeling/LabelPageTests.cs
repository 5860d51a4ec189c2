using Microsoft.Playwright;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class LabelPageTests(Browser browser)
{
    [BrowserFact]
    public async Task A_labeler_ranks_with_the_keyboard_alone()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.GotoAsync("/");
        await page.Locator(".card").First.WaitForAsync();
        var shown = await page.Locator(".card .text").AllTextContentsAsync();
        foreach (var key in (string[])["2", "1", "1", "Enter"])
        {
            await page.Keyboard.PressAsync(key);
        }

        await Assertions.Expect(page.Locator("#progress-text")).ToHaveTextAsync("1 by you, 1 of 2 by all");
        var ranking = Assert.Single(server.Store.Rankings());
        var answers = server.Store.FindTask(ranking.Task)!.Answers.Responses;
        Assert.Equal([2, 1], ranking.Judgement.Tiers!.Select(tier => tier.Count));
        Assert.Equal(shown[0], answers[ranking.Judgement.Tiers![1].Single()]);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
