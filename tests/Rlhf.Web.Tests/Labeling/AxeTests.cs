using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>The pages of the labeling server for people who hear them, or see little: axe-core finds nothing.</summary>
[Collection(BrowserTests.Name)]
public sealed class AxeTests(Browser browser)
{
    public static TheoryData<int, ColorScheme> Screens => new() { { 1280, ColorScheme.Light }, { 1280, ColorScheme.Dark }, { 390, ColorScheme.Light } };

    [AxeTheory]
    [MemberData(nameof(Screens))]
    public async Task Pages_of_labelers_have_no_violation(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import([TestStore.Arena("Name a *fruit*.", "Apple", "Pear")]);
            Examples.FillKinds(store);
        });
        var (page, errors) = await browser.OpenAsync(server.Address, width, 900, colors);
        await page.GotoAsync("/");
        await page.Locator("#instructions[open]").WaitForAsync();
        await AxeCheck.Look(page, "instructions");
        await Visit.CloseInstructions(page);
        foreach (var name in (string[])["rank", "write", "rank_correct", "review", "prompt"])
        {
            await page.Locator($"#task[data-kind={name}]").WaitForAsync();
            await AxeCheck.Look(page, name);
            await page.ClickAsync("#cannot");
            await AxeCheck.Look(page, $"{name}: why not");
            await page.CheckAsync("#reason-form input[type=radio] >> nth=0");
            await page.ClickAsync("#reason-form .primary");
        }

        await page.Locator("#empty").WaitForAsync();
        await AxeCheck.Look(page, "empty");
        await page.ClickAsync("#show-recent");
        await page.Locator("#recent-list button").First.WaitForAsync();
        await AxeCheck.Look(page, "recent");
        Assert.Empty(errors);
        await page.GotoAsync("/login");
        await AxeCheck.Look(page, "login");
        await page.Context.CloseAsync();
    }

    [AxeTheory]
    [MemberData(nameof(Screens))]
    public async Task Pages_of_owners_have_no_violation(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        Examples.Rank(server);
        server.Store.Import([TestStore.Arena("Name a fruit.", "Apple", "Pear"), TestStore.Arena("Name a tree.", "Oak", "Elm")]);
        TaskRow.Do(server.Store, server.Store.FindByToken(server.Store.AddUser("zoe", UserRole.Labeler))!, new Judgement { CannotJudge = "x" });
        var token = server.Store.AddUser("owner", UserRole.Owner);
        var (page, errors) = await browser.OpenAsync(server.Address, width, 900, colors);
        await page.Context.AddCookiesAsync([new Cookie { Name = "rlhf_token", Value = token, Url = server.Address.ToString() }]);
        await page.GotoAsync("/owner");
        await page.Locator("#labelers tr").Nth(3).WaitForAsync();
        await page.SelectOptionAsync("#judge", "eve");
        await page.Locator("#judged dd").First.WaitForAsync();
        await page.ClickAsync("#find button");
        await page.Locator("#found tr").Nth(3).WaitForAsync();
        await page.EvaluateAsync("() => document.querySelectorAll('details').forEach(one => { one.open = true; })");
        await AxeCheck.Look(page, "owner");
        await page.Locator("#disputed button").First.ClickAsync();
        await page.Locator("#details[open]").WaitForAsync();
        await AxeCheck.Look(page, "owner: a task");
        await page.ClickAsync("#decide");
        await Visit.CloseInstructions(page);
        await page.Locator("#said-by li").First.WaitForAsync();
        await AxeCheck.Look(page, "owner: decide");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
