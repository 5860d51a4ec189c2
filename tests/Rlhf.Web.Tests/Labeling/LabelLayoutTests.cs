using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class LabelLayoutTests(Browser browser)
{
    public static TheoryData<int, ColorScheme> Screens => PageCheck.Screens;

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_labelers_pages_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        var (page, errors) = await browser.OpenAsync(server.Address, width, width < 500 ? 844 : 900, colors);
        await page.GotoAsync("/");
        await page.Locator("#instructions[open]").WaitForAsync();
        await PageCheck.Look(page, "instructions", colors);
        await Visit.CloseInstructions(page);
        await page.Locator(".card").First.WaitForAsync();
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#note")).ToHaveTextAsync("Answers B, C and D have no place yet.");
        await PageCheck.Look(page, "unplaced", colors);
        await page.Locator(".card summary").First.ClickAsync();
        await PageCheck.Look(page, "task", colors);
        foreach (var (button, dialog) in ((string, string)[])[("#show-keys", "keys"), ("#cannot", "reason")])
        {
            await page.ClickAsync(button);
            await PageCheck.Look(page, dialog, colors);
            await page.Keyboard.PressAsync("Escape");
        }

        await page.ClickAsync("#cannot");
        await page.CheckAsync("#reason-form input[type=radio] >> nth=0");
        await page.ClickAsync("#reason-form .primary");
        await Assertions.Expect(page.Locator("#saved")).ToHaveTextAsync("Saved");
        await page.ClickAsync("#show-recent");
        await page.Locator("#recent-list button").WaitForAsync();
        await PageCheck.Look(page, "recent", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_pages_for_two_answers_and_for_none_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(store => store.Import([TestStore.Arena("Name a fruit.", "Apple", "Pear")]));
        var (page, errors) = await browser.OpenAsync(server.Address, width, width < 500 ? 844 : 900, colors);
        await Visit.Begin(page);
        await page.Locator(".card").First.WaitForAsync();
        await page.Keyboard.PressAsync("Enter");
        await PageCheck.Look(page, "vote", colors);
        await page.Keyboard.PressAsync("1");
        await PageCheck.Look(page, "voted", colors);
        await page.Keyboard.PressAsync("Enter");
        await page.Locator("#empty").WaitForAsync();
        await PageCheck.Look(page, "empty", colors);
        Assert.Empty(errors);
        await page.GotoAsync("/nothing");
        await PageCheck.Look(page, "not-found", colors);
        await page.GotoAsync("/login");
        await PageCheck.Look(page, "login", colors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_pages_for_somebody_whose_token_was_taken_back_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        server.Store.AddUser("owner", UserRole.Owner);
        var token = server.Store.AddUser("ann", UserRole.Labeler);
        var (page, _) = await browser.OpenAsync(server.Address, width, width < 500 ? 844 : 900, colors);
        await page.GotoAsync($"/login#{token}");
        await Visit.CloseInstructions(page);
        await page.Locator(".card").First.WaitForAsync();
        server.Store.Revoke("ann");
        foreach (var key in (string[])["1", "2", "3", "4", "Enter"])
        {
            await page.Keyboard.PressAsync(key);
        }

        await page.Locator("#sign-in").WaitForAsync();
        await PageCheck.Look(page, "signed-out", colors);
        await page.GotoAsync($"/login#{token}");
        await Assertions.Expect(page.Locator("#error")).ToHaveTextAsync("This token lets nobody in.");
        await PageCheck.Look(page, "login-refused", colors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_pages_to_write_and_to_review_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(Examples.FillKinds);
        var (page, errors) = await browser.OpenAsync(server.Address, width, width < 500 ? 844 : 900, colors);
        await Visit.Begin(page);
        foreach (var name in (string[])["write", "rank_correct", "review", "prompt"])
        {
            await page.Locator($"#task[data-kind={name}]").WaitForAsync();
            await PageCheck.Look(page, name, colors);
            await page.ClickAsync("#cannot");
            await PageCheck.Look(page, $"{name}-skip", colors);
            await page.Keyboard.PressAsync("Escape");
            await Work(page, name, colors);
            await PageCheck.Look(page, $"{name}-done", colors);
            if (name == "rank_correct" && width == 1280 && colors == ColorScheme.Light)
            {
                await page.SetViewportSizeAsync(width, 1420);
                await Screenshots.Take(page, "label-mend");
            }

            await page.ClickAsync("#submit");
        }

        await page.Locator("#empty").WaitForAsync();
        await page.ClickAsync("#show-recent");
        await page.Locator("#recent-list button").First.WaitForAsync();
        await PageCheck.Look(page, "recent-kinds", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private static async Task Work(IPage page, string kind, ColorScheme colors)
    {
        if (kind == "rank_correct")
        {
            await page.Keyboard.PressAsync("d");
            await page.Locator("#compare-box[open]").WaitForAsync();
            await PageCheck.Look(page, "compare", colors);
            await page.Keyboard.PressAsync("Escape");
            foreach (var place in (string[])["2", "1", "2", "4"])
            {
                await page.Keyboard.PressAsync(place);
            }
        }

        if (kind == "review")
        {
            await page.ClickAsync("[data-verdict=edit]");
        }

        await page.FillAsync("#written", "Apple, pear and plum. I would take **the apple**: it needs no knife.");
        if (kind == "prompt")
        {
            await page.SelectOptionAsync("#use-case", "chat");
        }

        if (kind != "prompt")
        {
            await page.ClickAsync("#changes-box summary");
        }

        await page.ClickAsync("#preview-box summary");
    }
}
