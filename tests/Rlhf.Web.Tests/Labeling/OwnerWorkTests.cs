using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>What an owner does on the page: invites, takes back, looks for tasks, decides with what labelers said before the eyes.</summary>
[Collection(BrowserTests.Name)]
public sealed class OwnerWorkTests(Browser browser)
{
    private async Task<(IPage Page, List<string> Errors)> Open(TestServer server)
    {
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.GotoAsync("/owner");
        await Assertions.Expect(page.Locator("#fresh")).ToContainTextAsync("As of");
        return (page, errors);
    }

    private static async Task Invite(IPage page, string name, string role, string said)
    {
        await page.FillAsync("#user-name", name);
        await page.SelectOptionAsync("#user-role", role);
        await page.ClickAsync("#add-user .primary");
        await Assertions.Expect(page.Locator("#users-said")).ToHaveTextAsync(said);
    }

    [BrowserFact]
    public async Task An_owner_invites_a_labeler_by_a_link_and_takes_it_back()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(1)));
        var (page, errors) = await Open(server);
        await page.FillAsync("#user-name", "ann");
        await page.ClickAsync("#add-user .primary");
        await Assertions.Expect(page.Locator("#users-said")).ToContainTextAsync("Add an owner first");
        Assert.False(server.Store.HasTokens());
        Assert.Contains("400", Assert.Single(errors), StringComparison.Ordinal);

        // The first owner is signed in at once: the page goes on.
        await Invite(page, "me", "owner", "me was added.");
        await Invite(page, "ann", "labeler", "ann was added.");
        var link = await page.InputValueAsync("#invitation-link");
        Assert.StartsWith(new Uri(server.Address, "/login#").ToString(), link, StringComparison.Ordinal);
        var (other, _) = await browser.OpenAsync(server.Address);
        await other.GotoAsync(link);
        await Visit.CloseInstructions(other);
        Assert.DoesNotContain(link[^20..], other.Url, StringComparison.Ordinal);
        await other.Locator(".card").First.WaitForAsync();

        var revoke = page.Locator("#users button[aria-label='Revoke the token of ann']");
        await revoke.ClickAsync();
        Assert.DoesNotContain(server.Store.Users(), user => user.Revoked);
        await revoke.ClickAsync();
        await Assertions.Expect(page.Locator("#users-said")).ToContainTextAsync("ann lets nobody in");
        Assert.True(server.Store.Users().Single(user => user.Name == "ann").Revoked);
        await other.ReloadAsync();
        await other.Locator("#token").WaitForAsync();
        await page.Context.CloseAsync();
        await other.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Tasks_are_found_by_words_kind_state_and_labeler()
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import(TestStore.Rows(60));
            store.Import(TaskRow.Read("""{"kind": "write", "prompt": "Über Äpfel"}"""));
        });
        TaskRow.Do(server.Store, server.Store.LocalUser(), new Judgement { Tiers = [[0], [1], [2]] });
        TaskRow.Do(server.Store, server.Store.LocalUser(), new Judgement { CannotJudge = "no idea" });
        var (page, errors) = await Open(server);
        async Task Found(int count, string said)
        {
            await page.ClickAsync("#find button");
            await Assertions.Expect(page.Locator("#find-said")).ToHaveTextAsync(said);
            await Assertions.Expect(page.Locator("#found button")).ToHaveCountAsync(count);
        }

        await Found(50, "50 tasks; there are more to look at");
        await page.ClickAsync("#find-more");
        await Assertions.Expect(page.Locator("#found button")).ToHaveCountAsync(61);
        await page.FillAsync("#find-text", "äpfel");
        await Found(1, "1 task");
        await page.FillAsync("#find-text", "");
        await page.SelectOptionAsync("#find-state", "skipped");
        await Found(1, "1 task");
        await page.SelectOptionAsync("#find-labeler", "local");
        await page.SelectOptionAsync("#find-state", "done");
        await Found(1, "1 task");
        await page.SelectOptionAsync("#find-kind", "prompt");
        await Found(0, "No such task.");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Who_decides_sees_what_labelers_said_in_the_letters_of_the_page()
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Change(settings => settings with { Overlap = 2 });
            store.Import([TestStore.Row("Which?", ["red", "green", "blue"])]);
        });
        foreach (var (name, best) in ((string, string)[])[("ann", "green"), ("bob", "blue")])
        {
            var user = server.Store.FindByToken(server.Store.AddUser(name, UserRole.Labeler))!;
            var task = server.Store.Next(user, [])!;
            var first = task.Responses.Index().Single(response => response.Item == best).Index;
            var judgement = new Judgement { Tiers = [[first], [.. Enumerable.Range(0, 3).Where(answer => answer != first)]], Reason = $"{name}'s reason" };
            server.Store.Submit(user, new Submission(task.Id, $"key of {name}", judgement, 5));
        }

        var token = server.Store.AddUser("owner", UserRole.Owner);
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.Context.AddCookiesAsync([new Cookie { Name = "rlhf_token", Value = token, Url = server.Address.ToString() }]);
        await Visit.Begin(page, "/?decide=1");
        await page.Locator(".card").Nth(2).WaitForAsync();
        var shown = await page.Locator(".card .text").AllTextContentsAsync();
        string LetterOf(string answer) => ((char)('A' + shown.Select(text => text.Trim()).ToList().IndexOf(answer))).ToString();
        await Assertions.Expect(page.Locator("#said-by li").First).ToContainTextAsync($"ann: {LetterOf("green")} > ");
        await Assertions.Expect(page.Locator("#said-by li").Nth(1)).ToContainTextAsync($"bob: {LetterOf("blue")} > ");
        await Assertions.Expect(page.Locator("#said-by li").Nth(1)).ToContainTextAsync("why: bob's reason");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Formulas_are_drawn_and_what_cannot_be_read_stays_tex()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(
            [TestStore.Row("Is $\\frac{a}{b}$ it, for $5 and $6?", ["$$\\sum_i x_i^2$$", "\\(\\href{javascript:alert(1)}{x}\\)", "$\\nothing{$"])]));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await page.Locator(".card").Nth(2).WaitForAsync();
        await Assertions.Expect(page.Locator("#prompt math mfrac")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#prompt")).ToContainTextAsync("for $5 and $6?");
        await Assertions.Expect(page.Locator(".card math[display=block] munderover, .card math[display=block] munder, .card math[display=block] msub")).Not.ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator(".card a")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator(".card code.formula")).Not.ToHaveCountAsync(0);
        await page.ClickAsync("#view");
        await Assertions.Expect(page.Locator("math")).ToHaveCountAsync(0);
        await Assertions.Expect(page.Locator("#prompt .text")).ToHaveTextAsync("Is $\\frac{a}{b}$ it, for $5 and $6?");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task What_the_owner_began_to_ask_for_meanwhile_comes_back_with_the_work()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(1, 2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await page.Locator(".card").First.WaitForAsync();
        server.Store.Change(settings => settings with { Reason = "required" });
        await page.Keyboard.PressAsync("1");
        await page.FillAsync("#comment", "mine");
        await page.ClickAsync("#submit");
        await Assertions.Expect(page.Locator("#trouble-text")).ToContainTextAsync("the owner asks why");
        Assert.Empty(server.Store.Rankings());
        if (await page.Locator("#again").IsVisibleAsync())
        {
            await page.ClickAsync("#again");
        }

        await page.Locator("#why-box").WaitForAsync();
        await Assertions.Expect(page.Locator("#comment")).ToHaveValueAsync("mine");
        await page.FillAsync("#why", "shorter");
        await page.ClickAsync("#submit");
        await page.Locator("#empty").WaitForAsync();
        var stored = Assert.Single(server.Store.Rankings()).Judgement;
        Assert.Equal(("shorter", "mine", 2), (stored.Reason, stored.Comment, stored.Tiers!.Count));
        Assert.Contains("422", Assert.Single(errors), StringComparison.Ordinal);
        await page.Context.CloseAsync();
    }
}
