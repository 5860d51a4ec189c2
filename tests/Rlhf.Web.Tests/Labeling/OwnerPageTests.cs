using Microsoft.Playwright;
using Rlhf.Labelers.Store;
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
        await Visit.CloseInstructions(page);
        await page.ClickAsync("#owner");
        await Assertions.Expect(page.Locator("#labelers tr")).ToHaveCountAsync(3);
        await Assertions.Expect(page.Locator("#agreement dd").First).ToHaveTextAsync("20");
        await Assertions.Expect(page.Locator("#rounds tr td").Nth(1)).ToHaveTextAsync("52");
        await Screenshots.Take(page, "label-owner");

        await page.FillAsync("#overlap", "4");
        await page.FillAsync("#instructions-source", "# Be fair");
        await page.ClickAsync("#settings .primary");
        await Assertions.Expect(page.Locator("#settings-said")).ToHaveTextAsync("Saved");
        Assert.Equal((4, "# Be fair"), (server.Store.Settings().Overlap, server.Store.Settings().Instructions));
        await page.ClickAsync("#pause");
        await Assertions.Expect(page.Locator("#pause")).ToHaveTextAsync("Resume");
        Assert.True(server.Store.Settings().Paused);

        await Assertions.Expect(page.Locator("#details")).ToBeHiddenAsync();
        await page.Locator("#disputed button").First.ClickAsync();
        await Assertions.Expect(page.Locator("#details")).ToBeVisibleAsync();
        await page.ClickAsync("#decide");
        await Visit.CloseInstructions(page);
        await page.Locator(".card").First.WaitForAsync();
        foreach (var key in (string[])["1", "2", "3", "4", "Enter"])
        {
            await page.Keyboard.PressAsync(key);
        }

        await Assertions.Expect(page).ToHaveURLAsync(new Uri(server.Address, "/owner").ToString());
        Assert.Equal("owner", Assert.Single(server.Store.Rankings(), ranking => ranking.Adjudication).Labeler);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private async Task<(IPage Page, List<string> Errors)> Open(TestServer server)
    {
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.GotoAsync("/owner");
        await Assertions.Expect(page.Locator("#fresh")).ToContainTextAsync("As of");
        return (page, errors);
    }

    private static async Task Save(IPage page, string said)
    {
        await page.ClickAsync("#settings .primary");
        await Assertions.Expect(page.Locator("#settings-said")).ToHaveTextAsync(said);
    }

    [BrowserFact]
    public async Task Two_owners_do_not_undo_each_others_changes()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(1)));
        var (one, _) = await Open(server);
        var (other, errors) = await Open(server);
        await one.FillAsync("#instructions-source", "From one");
        await other.FillAsync("#overlap", "3");
        await Save(one, "Saved");
        await Save(other, "Saved");
        Assert.Equal((3, "From one"), (server.Store.Settings().Overlap, server.Store.Settings().Instructions));
        Assert.Empty(errors);

        // The same field: nothing is overwritten without being shown.
        await one.ClickAsync("#refresh");
        await other.ClickAsync("#refresh");
        await Assertions.Expect(other.Locator("#instructions-source")).ToHaveValueAsync("From one");
        await one.FillAsync("#instructions-source", "One again");
        await other.FillAsync("#instructions-source", "Other");
        await Save(one, "Saved");
        await Save(other, "Nothing was saved: somebody has changed this meanwhile. Look at what they wrote, and save again if yours shall stand.");
        Assert.Equal("One again", server.Store.Settings().Instructions);
        await Assertions.Expect(other.Locator("#instructions-source-theirs")).ToContainTextAsync("One again");
        await Assertions.Expect(other.Locator("#instructions-source")).ToHaveValueAsync("Other");
        await Save(other, "Saved");
        Assert.Equal("Other", server.Store.Settings().Instructions);
        await Assertions.Expect(other.Locator("#instructions-source-theirs")).ToBeHiddenAsync();
        await Save(other, "Nothing was changed.");
        await one.Context.CloseAsync();
        await other.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task What_became_of_it_stands_beside_the_button()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(1)));
        var (page, _) = await Open(server);
        foreach (var (button, message, text, press) in ((string, string, string, Func<Task>)[])
            [
                ("#pause", "#pause-said", "Paused: nobody gets new prompts.", () => page.ClickAsync("#pause")),
                ("#settings .primary", "#settings-said", "Saved", async () =>
                {
                    await page.FillAsync("#overlap", "2");
                    await page.ClickAsync("#settings .primary");
                }),
                ("#import-button", "#import-said", "the file:1:2: expected valid JSON, found 'o'", () => Import("nonsense")),
                ("#import-button", "#import-said", "1 new tasks, 0 that were there already, 0 new rankings. Note: 1 rows had the same answer more than once, which is shown once (x7).",
                    () => Import("{\"id\": \"x7\", \"prompt\": \"x\", \"responses\": [\"a\", \"b\", \"a\"]}")),
            ])
        {
            await press();
            var said = page.Locator(message);
            await Assertions.Expect(said).ToContainTextAsync(text.Split(" found", 2)[0]);
            var (from, to) = ((await page.Locator(button).BoundingBoxAsync())!, (await said.BoundingBoxAsync())!);
            Assert.InRange(Math.Abs(from.Y - to.Y), 0, 80);
            Assert.Equal("status", await said.GetAttributeAsync("role"));
        }

        await page.Context.CloseAsync();

        Task Import(string rows) => Task.WhenAll(
            page.SetInputFilesAsync(
                "#file", new FilePayload { Name = "rows.jsonl", MimeType = "application/x-ndjson", Buffer = System.Text.Encoding.UTF8.GetBytes(rows) }),
            page.ClickAsync("#import-button"));
    }

    [BrowserFact]
    public async Task The_page_refreshes_itself_and_keeps_what_is_being_written()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await Open(server);
        await Assertions.Expect(page.Locator("#progress-text")).ToContainTextAsync("0 of 2");
        await page.FillAsync("#instructions-source", "Half a sent");
        var user = server.Store.LocalUser();
        var task = server.Store.Next(user, [])!;
        server.Store.Submit(user, new Submission(task.Id, "12345678", new Judgement { Tiers = [[0], [1], [2]], Comment = "So so" }, 1));
        await Assertions.Expect(page.Locator("#progress-text")).ToContainTextAsync("1 of 2", new LocatorAssertionsToContainTextOptions { Timeout = 30_000 });
        await Assertions.Expect(page.Locator("#instructions-source")).ToHaveValueAsync("Half a sent");

        // No flags: no box that says "empty".
        await Assertions.Expect(page.Locator("#notes td").Nth(1)).ToHaveTextAsync("–");
        await Assertions.Expect(page.Locator("#notes .invisible")).ToHaveCountAsync(0);
        await page.ClickAsync("#notes button");
        await Assertions.Expect(page.Locator("#decided-hint")).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("#decide")).ToBeHiddenAsync();
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
