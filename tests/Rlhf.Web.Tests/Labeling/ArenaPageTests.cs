using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class ArenaPageTests(Browser browser)
{
    [BrowserFact]
    public async Task Votes_go_to_the_model_and_the_labeler_is_told_no_name()
    {
        await using var server = await TestServer.StartAsync(Examples.FillArena);
        var owner = server.Store.AddUser("owner", UserRole.Owner);
        var (page, errors) = await SignedIn(server, server.Store.AddUser("ann", UserRole.Labeler));
        List<Task<string>> reads = []; // awaited below, while the page is still there
        page.Response += (_, response) =>
        {
            if (response.Url.Contains("/api/", StringComparison.Ordinal))
            {
                reads.Add(response.TextAsync());
            }
        };
        Assert.False(await page.Locator("#board").IsVisibleAsync());
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator("#note")).ToHaveTextAsync("Say first which answer is better, or that it is a tie.");
        await page.Keyboard.PressAsync("1");
        await Assertions.Expect(page.Locator("#live")).ToHaveTextAsync("Answer A: better. Enter submits.");
        await Screenshots.Take(page, "label-arena");
        await page.Keyboard.PressAsync("u");
        await Assertions.Expect(page.Locator("#submit")).ToBeDisabledAsync();
        var said = new Dictionary<string, string>();
        for (var i = 0; i < 8; i++)
        {
            var prompt = (await page.Locator("#prompt").TextContentAsync())!;
            said[prompt] = (await page.Locator(".card .text").Nth(i % 2).TextContentAsync())!;
            await (i < 4 ? page.Keyboard.PressAsync($"{1 + i % 2}") : page.Locator("#vote button").Nth(i % 2 * 2).ClickAsync());
            await page.Keyboard.PressAsync("Enter");
            await Assertions.Expect(page.Locator("#prompt")).Not.ToHaveTextAsync(prompt);
        }

        await page.Keyboard.PressAsync("=");
        await page.ClickAsync("#submit");
        await Assertions.Expect(page.Locator("#progress-text")).ToContainTextAsync("9 by you, 9 of");
        var rankings = server.Store.Rankings();
        Assert.Equal(8, rankings.Count(ranking => ranking.Judgement.Tiers!.Count == 2));
        foreach (var ranking in rankings.Where(ranking => ranking.Judgement.Tiers!.Count == 2))
        {
            var answers = server.Store.FindTask(ranking.Task)!.Answers;
            Assert.Equal(said[answers.Messages[0].Content], answers.Responses[ranking.Judgement.Tiers![0][0]]);
        }

        var bodies = await Task.WhenAll([.. reads]);
        Assert.NotEmpty(bodies);
        Assert.All([.. bodies, await page.ContentAsync()], text => Assert.DoesNotContain("ppo", text, StringComparison.Ordinal));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
        await TheOwnerSees(server, owner);
    }

    private async Task TheOwnerSees(TestServer server, string token)
    {
        var (page, errors) = await SignedIn(server, token);
        await page.GotoAsync("/owner");
        await Assertions.Expect(page.Locator("#arenas h3").Last).ToHaveTextAsync("ppo against sft");
        await Assertions.Expect(page.Locator("#arenas > .figures dd").First)
            .ToHaveTextAsync("24, of them 6 with the same answer twice (ties; nobody is asked) and 9 judged");
        await Assertions.Expect(page.Locator("#arenas dd").Nth(1)).ToContainTextAsync(", 1 ties, ");
        await Assertions.Expect(page.Locator("#arenas > .wide:last-child tbody tr")).ToHaveCountAsync(1);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task On_a_phone_both_answers_and_the_vote_fit_the_width()
    {
        await using var server = await TestServer.StartAsync(Examples.FillArena);
        var (page, errors) = await browser.OpenAsync(server.Address, 390, 844, ColorScheme.Dark, touch: true);
        await Visit.Begin(page);
        await page.Locator(".card").First.WaitForAsync();
        await page.Locator("#vote button").Nth(1).TapAsync();
        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"));
        await Screenshots.Take(page, "label-arena-phone");
        await page.TapAsync("#submit");
        await Assertions.Expect(page.Locator("#saved")).ToHaveTextAsync("Saved");
        Assert.Single(Assert.Single(server.Store.Rankings()).Judgement.Tiers!);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task The_owners_page_of_an_arena_for_the_documents()
    {
        await using var server = await TestServer.StartAsync(Examples.FillArena);
        Examples.Vote(server);
        var (page, errors) = await SignedIn(server, server.Store.AddUser("owner", UserRole.Owner));
        await page.GotoAsync("/owner");
        await page.Locator("#arenas > .wide:last-child tbody tr").Nth(2).WaitForAsync();
        await Screenshots.Take(page, "label-arena-owner");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private async Task<(IPage Page, List<string> Errors)> SignedIn(TestServer server, string token)
    {
        var (page, errors) = await browser.OpenAsync(server.Address, height: 800);
        await page.GotoAsync("/login");
        await page.FillAsync("#token", token);
        await page.Keyboard.PressAsync("Enter");
        await Visit.CloseInstructions(page);
        await page.Locator(".card").First.WaitForAsync();
        return (page, errors);
    }
}
