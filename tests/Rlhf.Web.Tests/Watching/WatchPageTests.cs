using Microsoft.AspNetCore.Builder;
using Microsoft.Playwright;
using Rlhf.Reports;
using Rlhf.Web.Security;
using Rlhf.Web.Tests.Browsing;
using Rlhf.Web.Watching;

namespace Rlhf.Web.Tests.Watching;

[Collection(BrowserTests.Name)]
public sealed class WatchPageTests(Browser browser) : IAsyncLifetime, IDisposable
{
    private readonly MadeUpRun _run = new();
    private readonly MadeUpRun _other = new();
    private readonly WatchTokens _tokens = WatchTokens.Create();
    private WebApplication? _app;
    private Uri _address = null!;

    public static TheoryData<int, ColorScheme> Screens => PageCheck.Screens;

    public Task InitializeAsync() => Task.CompletedTask;

    public async Task DisposeAsync()
    {
        if (_app is not null)
        {
            await _app.StopAsync();
            await _app.DisposeAsync();
        }
    }

    public void Dispose()
    {
        _run.Dispose();
        _other.Dispose();
    }

    private async Task<(IPage Page, List<string> Errors)> Open(
        bool asOwner = false, int width = 1280, ColorScheme colors = ColorScheme.Light, params string[] folders)
    {
        _app = WatchServer.Create(folders.Length > 0 ? folders : [_run.Folder], new WebSettings { RequestsPerMinute = 100_000 }, _tokens);
        _address = await WebDefaults.StartAsync(_app);
        var (page, errors) = await browser.OpenAsync(_address, width, 900, colors);
        await page.GotoAsync(asOwner ? $"/open?token={_tokens.Owner}" : "/");
        return (page, errors);
    }

    [BrowserFact]
    public async Task The_page_waits_for_a_run_and_follows_it()
    {
        var (page, errors) = await Open();
        await Assertions.Expect(page.Locator(".state")).ToHaveTextAsync("waiting");
        await Assertions.Expect(page.Locator(".sentence")).ToContainTextAsync("There is no folder");
        _run.Begin();
        _run.Step(1, 30);
        _run.Say(done: 30, total: 100);
        await Assertions.Expect(page.Locator(".state")).ToHaveTextAsync("running");
        await Assertions.Expect(page.Locator(".facts")).ToContainTextAsync("03-ppo: 30 of 100 steps");
        await Assertions.Expect(page.Locator(".facts")).ToContainTextAsync("1:30 min");
        await Assertions.Expect(page.Locator(".sample").First).ToContainTextAsync("It was written by number 30.");
        await Assertions.Expect(page.Locator("#ledger summary")).ToContainTextAsync("36 of 40 rows kept, 4 dropped");
        var chart = page.Locator("figure.chart:visible").First;
        await Assertions.Expect(chart.Locator("path.line").First).ToBeVisibleAsync();
        var before = await chart.Locator("path.line").First.GetAttributeAsync("d");

        _run.Step(31, 60);
        _run.Say(done: 60, total: 100, alarms: [MadeUpRun.KlAlarm(55)]);
        await Assertions.Expect(page.Locator(".facts")).ToContainTextAsync("60 of 100 steps");
        await Assertions.Expect(page.Locator(".sample").First).ToContainTextAsync("It was written by number 60.");
        await Assertions.Expect(page.Locator(".alarm")).ToContainTextAsync("above the bound of 10");
        await Assertions.Expect(chart.Locator("path.line").First).Not.ToHaveAttributeAsync("d", before!);
        await chart.Locator("svg").FocusAsync();
        await page.Keyboard.PressAsync("Home");
        await Assertions.Expect(chart.Locator(".reading")).ToContainTextAsync("Step 1:");

        _run.Say(RunState.Finished);
        await Assertions.Expect(page.Locator(".state")).ToHaveTextAsync("finished");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Only_the_owner_has_the_button_and_it_asks_before_it_stops()
    {
        _run.Begin();
        _run.Step(1, 5);
        _run.Say(done: 5);
        var (page, errors) = await Open();
        await Assertions.Expect(page.Locator(".state")).ToHaveTextAsync("running");
        await Assertions.Expect(page.GetByRole(AriaRole.Button, new() { Name = "Stop …" })).ToBeHiddenAsync();
        await page.GotoAsync($"/open?token={_tokens.Owner}");
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop …" }).PressAsync("Enter");
        await Assertions.Expect(page.GetByRole(AriaRole.Dialog)).ToContainTextAsync("Stop polite?");
        await page.Keyboard.PressAsync("Escape");
        Assert.False(StopRequest.IsMade(_run.Folder));
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop …" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop after the next checkpoint" }).ClickAsync();
        await Assertions.Expect(page.Locator(".refusal")).ToContainTextAsync("The run stops after its next checkpoint.");
        Assert.True(StopRequest.IsMade(_run.Folder));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task A_damaged_run_gives_sentences()
    {
        _run.Begin();
        File.WriteAllText(_run.PathOf(MetricsFile.Name), "\u0000\u0001nonsense\n{}\n");
        File.WriteAllText(_run.PathOf(RunStatus.FileName), "nonsense");
        var (page, errors) = await Open();
        await Assertions.Expect(page.Locator(".state")).ToHaveTextAsync("unknown");
        await Assertions.Expect(page.Locator(".problem").First).ToContainTextAsync("status.json");
        await Assertions.Expect(page.Locator(".problem").Last).ToContainTextAsync("2 lines that are no rows of metrics");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Several_runs_are_drawn_over_each_other()
    {
        foreach (var run in (MadeUpRun[])[_run, _other])
        {
            run.Begin();
            run.Step(1, run == _run ? 40 : 80);
            run.Say(done: 40);
        }

        var (page, errors) = await Open(folders: [_run.Folder, _other.Folder]);
        var chart = page.Locator("figure.chart:visible").First;
        await Assertions.Expect(chart.Locator("path.line")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("article.run")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator("#legend")).ToContainTextAsync("/polite");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_page_can_be_read_on_every_screen(int width, ColorScheme colors)
    {
        _run.Begin();
        _run.Step(1, 2000);
        _run.Say(done: 2000, total: 5000, alarms: [MadeUpRun.KlAlarm(55)]);
        var (page, errors) = await Open(asOwner: true, width, colors);
        await Assertions.Expect(page.Locator("figure.chart:visible path.band").First).ToBeVisibleAsync();
        await PageCheck.Look(page, "watch", colors);
        await page.EvaluateAsync("() => document.querySelectorAll('details').forEach(one => { one.open = true; })");
        await Task.Delay(100);
        await PageCheck.Look(page, "watch-open", colors);
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop …" }).ClickAsync();
        await PageCheck.Look(page, "watch-stop", colors);
        Assert.Empty(errors);
        await page.GotoAsync("/open?token=of-an-earlier-start");
        await PageCheck.Look(page, "watch-expired", colors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task Several_runs_can_be_read_on_every_screen(int width, ColorScheme colors)
    {
        foreach (var run in (MadeUpRun[])[_run, _other])
        {
            run.Begin();
            run.Step(1, run == _run ? 400 : 800);
            run.Say(run == _run ? RunState.Running : RunState.Finished, done: 400);
        }

        var (page, errors) = await Open(asOwner: false, width, colors, [_run.Folder, _other.Folder]);
        await Assertions.Expect(page.Locator("figure.chart:visible").First.Locator("path.line")).ToHaveCountAsync(2);
        await PageCheck.Look(page, "watch-two", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
