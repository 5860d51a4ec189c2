using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>The owner's page shows what the store knows, and asks for it only when there is something new.</summary>
[Collection(BrowserTests.Name)]
public sealed class OwnerFiguresTests(Browser browser)
{
    [BrowserFact]
    public async Task Every_plot_is_drawn_and_has_its_numbers_below_it()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        Examples.Rank(server);
        var (page, errors) = await Open(server);
        var figures = LabelReport.Of(server.Store).Figures;
        foreach (var (number, bars, rows) in ((int, int, string[])[])
            [
                (0, 2, [.. figures.ByDay.Select(day => $"{day.Day}|{day.Done}|{day.Skipped}")]),
                (1, 3, [.. figures.ByPair.Select(pair => $"{pair.First}, {pair.Second}|{100 * pair.Agreement.Value:F0}\u00a0% [")]),
                (2, 3, [.. figures.ByLabeler.Select(time => $"{time.Labeler}|{string.Join('|', time.Quantiles)}")]),
                (3, 16, [.. figures.ByPosition.Single().Ranks.Index().Select(place => $"{place.Index + 1}|{string.Join('|', place.Item)}")]),
            ])
        {
            var figure = page.Locator("#figures figure").Nth(number);
            await Assertions.Expect(figure.Locator("svg[role=img] .bar")).ToHaveCountAsync(bars);
            var shown = await figure.Locator("tbody tr").EvaluateAllAsync<string[]>("rows => rows.map(row => [...row.cells].map(cell => cell.textContent).join('|'))");
            Assert.Equal(rows.Length, shown.Length);
            Assert.All(rows.Zip(shown), row => Assert.StartsWith(row.First, row.Second, StringComparison.Ordinal));
        }

        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Warnings_and_a_judge_beside_people_are_shown()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        Examples.Rank(server);
        var (page, errors) = await Open(server);
        await Assertions.Expect(page.Locator("#warnings-section")).ToBeHiddenAsync();
        await page.SelectOptionAsync("#judge", "eve");
        var found = JudgeComparison.Of(server.Store, "eve");
        await Assertions.Expect(page.Locator("#judged dd").First).ToHaveTextAsync($"{found.Prompts}");
        await Assertions.Expect(page.Locator("#judged dd").Nth(1)).ToContainTextAsync($"{100 * found.Agreement!.Value:F0}\u00a0% [");
        for (var said = 0; said < 3; said++)
        {
            await Assertions.Expect(page.Locator("#judged tbody tr").Nth(said).Locator("td:not(.free)")).ToHaveTextAsync([.. found.Confusion[said].Select(count => $"{count}")]);
        }

        await page.ClickAsync("#figures summary >> nth=1");
        server.Store.Import(TaskRow.Read(string.Join('\n', Enumerable.Range(0, 5).Select(i =>
            $$"""{"prompt": "A long question, the {{i}}th.", "responses": ["a", "b"], "ranking": [[0, 1]], "labeler": "zip", "seconds": 0.1}"""))));
        await page.ClickAsync("#refresh");
        await Assertions.Expect(page.Locator("#warnings tr")).ToHaveCountAsync(1);
        await Assertions.Expect(page.Locator("#warnings tr")).ToContainTextAsync("5 of 5 tasks were done faster than 100 characters a second");
        await Assertions.Expect(page.Locator("#figures figure").Nth(2)).ToContainTextAsync("zip");
        await Assertions.Expect(page.Locator("#figures details[open]")).ToHaveCountAsync(1); // Drawn anew, what was unfolded stays so.
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task The_page_asks_for_the_version_and_draws_anew_when_it_is_another()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.Clock.InstallAsync();
        var drawn = 0;
        page.Request += (_, request) => drawn += request.Url.EndsWith("/overview", StringComparison.Ordinal) ? 1 : 0;
        Task Later() => page.RunAndWaitForResponseAsync(() => page.Clock.RunForAsync(3_000), "**/api/owner/version");
        await page.GotoAsync("/owner");
        await Assertions.Expect(page.Locator("#progress-text")).ToContainTextAsync("0 of 2");
        await Later();
        await Later();
        Assert.Equal(1, drawn);

        TaskRow.Do(server.Store, server.Store.LocalUser(), new Judgement { Tiers = [[0], [1], [2]] });
        await Later();
        await Assertions.Expect(page.Locator("#progress-text")).ToContainTextAsync("1 of 2");
        await Later();
        Assert.Equal(2, drawn);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private async Task<(IPage Page, List<string> Errors)> Open(TestServer server)
    {
        var (page, errors) = await browser.OpenAsync(server.Address);
        await page.Context.AddCookiesAsync(
            [new Cookie { Name = "rlhf_token", Value = server.Store.AddUser("owner", UserRole.Owner), Url = server.Address.ToString() }]);
        await page.GotoAsync("/owner");
        await Assertions.Expect(page.Locator("#fresh")).ToContainTextAsync("As of");
        return (page, errors);
    }
}
