using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class OwnerLayoutTests(Browser browser)
{
    public static TheoryData<int, ColorScheme> Screens => PageCheck.Screens;

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_owners_pages_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        Examples.Rank(server);
        Skip(server, "Maximiliane-Alexandrina von und zu Hohenstaufen-Brandenburg");
        Skip(server, new string('x', ShownName.Longest));
        var (page, errors) = await OpenAsOwner(server, width, colors);
        await page.Locator("#labelers tr").Nth(4).WaitForAsync();
        await PageCheck.Look(page, "owner", colors);
        await page.SelectOptionAsync("#judge", "eve");
        await page.Locator("#judged dd").First.WaitForAsync();
        await page.ClickAsync("#find button");
        await page.Locator("#found tr").Nth(3).WaitForAsync();
        await page.FillAsync("#user-name", "zoe");
        await page.ClickAsync("#add-user .primary");
        await page.Locator("#invitation").WaitForAsync();
        await page.EvaluateAsync("() => document.querySelectorAll('details').forEach(one => { one.open = true; })");
        await PageCheck.Look(page, "owner-open", colors);
        await page.Locator("#disputed button").First.ClickAsync();
        await page.Locator("#details[open]").WaitForAsync();
        await PageCheck.Look(page, "owner-task", colors);
        await page.ClickAsync("#decide");
        await Visit.CloseInstructions(page);
        await page.Locator("#said-by li").First.WaitForAsync();
        await PageCheck.Look(page, "owner-decide", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task An_arena_of_four_models_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TestServer.StartAsync();
        Examples.Tournament(server);
        var (page, errors) = await OpenAsOwner(server, width, colors);
        await Assertions.Expect(page.Locator("#arenas h3")).ToHaveCountAsync(7); // All together, and six pairs.
        await page.EvaluateAsync("() => document.querySelectorAll('details').forEach(one => { one.open = true; })");
        await PageCheck.Look(page, "arena", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private async Task<(IPage Page, List<string> Errors)> OpenAsOwner(TestServer server, int width, ColorScheme colors)
    {
        var token = server.Store.AddUser("owner", UserRole.Owner);
        var (page, errors) = await browser.OpenAsync(server.Address, width, width < 500 ? 844 : 900, colors);
        await page.Context.AddCookiesAsync([new Cookie { Name = "rlhf_token", Value = token, Url = server.Address.ToString() }]);
        await page.GotoAsync("/owner");
        return (page, errors);
    }

    private static void Skip(TestServer server, string name)
    {
        server.Store.Change(settings => settings with { Overlap = 9 });
        var user = server.Store.FindByToken(server.Store.AddUser(name, UserRole.Labeler))!;
        var task = server.Store.Next(user, [])!;
        var judgement = new Judgement { CannotJudge = "It is about the Donaudampfschifffahrtselektrizitätenhauptbetriebswerkbauunterbeamtengesellschaft" };
        server.Store.Submit(user, new Submission(task.Id, Guid.NewGuid().ToString(), judgement, 5));
    }
}
