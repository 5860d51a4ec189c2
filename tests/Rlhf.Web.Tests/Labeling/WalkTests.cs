using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>Every kind of task done by keyboard, mouse and finger: what the person did is what is stored.</summary>
[Collection(BrowserTests.Name)]
public sealed class WalkTests(Browser browser)
{
    private const string Tasks =
        """
        {"kind": "rank", "prompt": "rank", "responses": ["one", "two", "three"]}
        {"kind": "write", "prompt": "write"}
        {"kind": "rank_correct", "prompt": "mend", "responses": ["bad", "good", "fair"]}
        {"kind": "review", "prompt": "review", "response": "Almost", "author": "ann"}
        {"kind": "prompt", "prompt": "Ask for a summary."}
        """;

    // Places of the answers as they are shown: the second is best, the others share a place.
    private static readonly int[] Places = [2, 1, 2];

    [BrowserTheory]
    [InlineData("keyboard", 1280)]
    [InlineData("mouse", 1280)]
    [InlineData("touch", 390)]
    public async Task Every_kind_of_task_is_stored_as_it_was_done(string by, int width)
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read(Tasks)));
        var (page, errors) = await browser.OpenAsync(server.Address, width, 844, touch: by == "touch");
        await Visit.Begin(page);
        foreach (var kind in (string[])["rank", "write", "rank_correct", "review", "prompt"])
        {
            await page.Locator($"#task[data-kind={kind}]").WaitForAsync();
            if (by == "keyboard")
            {
                await WithKeys(page, kind);
            }
            else
            {
                await WithPointer(page, kind, selector => by == "touch" ? page.Locator(selector).TapAsync() : page.Locator(selector).ClickAsync());
            }
        }

        await page.Locator("#empty").WaitForAsync();
        await Assertions.Expect(page.Locator("#saved")).ToHaveTextAsync("Saved");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
        Check(server.Store);
    }

    private static async Task WithKeys(IPage page, string kind)
    {
        if (kind is "rank" or "rank_correct")
        {
            foreach (var place in Places)
            {
                await page.Keyboard.PressAsync($"{place}");
            }
        }

        if (kind == "rank")
        {
            await page.Keyboard.PressAsync("Enter");
            return;
        }

        if (kind is "rank_correct" or "review")
        {
            await page.Keyboard.PressAsync(kind == "review" ? "e" : "w");
        }

        await Assertions.Expect(page.Locator("#written")).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Control+End");
        await page.Keyboard.TypeAsync(" mine");
        if (kind == "prompt")
        {
            await page.Keyboard.PressAsync("Shift+Tab");
            await page.Keyboard.TypeAsync("Chat");
            await page.Keyboard.PressAsync("Tab");
        }

        await page.Keyboard.PressAsync("Control+Enter");
    }

    private static async Task WithPointer(IPage page, string kind, Func<string, Task> press)
    {
        if (kind is "rank" or "rank_correct")
        {
            foreach (var (answer, place) in Places.Index())
            {
                await press($".card[data-answer='{answer}'] .places button >> nth={place - 1}");
            }
        }

        if (kind == "review")
        {
            await press("[data-verdict=edit]");
        }

        if (kind != "rank")
        {
            await press("#written");
            await page.Keyboard.PressAsync("Control+End");
            await page.Keyboard.TypeAsync(" mine");
        }

        if (kind == "prompt")
        {
            await page.SelectOptionAsync("#use-case", "chat");
        }

        await press("#submit");
    }

    private static void Check(RankingStore store)
    {
        var rankings = store.Rankings();
        Assert.Equal(5, rankings.Count);
        foreach (var ranked in (StoredRanking[])[rankings[0], rankings[2]])
        {
            Assert.Equal([ranked.OrderShown[1]], ranked.Judgement.Tiers![0]);
            Assert.Equal(((int[])[ranked.OrderShown[0], ranked.OrderShown[2]]).Order(), ranked.Judgement.Tiers[1]);
        }

        var best = rankings[2].OrderShown[1];
        string[] answers = ["bad", "good", "fair"];
        Assert.Equal((best, $"{answers[best]} mine"), (rankings[2].Judgement.Corrected!.Value, rankings[2].Judgement.Written));
        Assert.Equal(" mine", rankings[1].Judgement.Written);
        Assert.Equal(("edit", "Almost mine"), (rankings[3].Judgement.Verdict, rankings[3].Judgement.Written));
        Assert.Equal((" mine", "chat"), (rankings[4].Judgement.Written, rankings[4].Judgement.UseCase));
    }
}
