using System.Text.Json.Nodes;
using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Labeling;

/// <summary>Tasks other than plain rankings, on the page: what the person did is what is stored.</summary>
[Collection(BrowserTests.Name)]
public sealed class TaskPageTests(Browser browser)
{
    private const string Markdown = "# Sum\n\n- one **two**\n\n| a | b |\n| --- | --- |\n| 1 | 2 |\n\n`x_1 < 2` and $a_1 + b_2$\n\n```\nfor (;;) {}\n```";

    private static async Task Expect(IPage page, string selector, string text) => await Assertions.Expect(page.Locator(selector)).ToHaveTextAsync(text);

    private async Task<(IPage Page, List<string> Errors)> Open(TestServer server, int width = 1280, bool touch = false)
    {
        var (page, errors) = await browser.OpenAsync(server.Address, width, 900, touch: touch);
        await Visit.Begin(page);
        await page.Locator("#task").WaitForAsync();
        return (page, errors);
    }

    private static async Task Done(IPage page, List<string> errors)
    {
        await Expect(page, "#empty-title", "Nothing to do");
        await Expect(page, "#saved", "Saved");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task An_answer_is_written_with_the_keyboard_alone()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read("""{"prompt": "Greet me."}""", TaskKind.Write)));
        var (page, errors) = await Open(server);
        await Expect(page, "#title", "Write an answer");
        await page.Keyboard.PressAsync("Control+Enter");
        await Expect(page, "#note", "Write the answer first.");
        await page.Keyboard.TypeAsync("Hello 1 you");
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.TypeAsync("= u ?");
        await Expect(page, "#counted", "6 words, 17 characters");
        await page.Keyboard.PressAsync("Control+Enter");
        await Done(page, errors);
        var stored = Assert.Single(server.Store.Rankings());
        Assert.Equal(("Hello 1 you\n= u ?", null), (stored.Judgement.Written, stored.Judgement.Tiers));
        Assert.InRange(stored.Seconds, 0.01, 60);
    }

    [BrowserFact]
    public async Task A_draft_is_rewritten_with_undo_and_redo_and_the_change_is_shown_by_words()
    {
        await using var server =
            await TestServer.StartAsync(store => store.Import(TaskRow.Read("""{"prompt": "p", "draft": "One bad word.\r\nEnd."}""", TaskKind.Write)));
        var (page, errors) = await Open(server);
        await Assertions.Expect(page.Locator("#draft-hint")).ToBeVisibleAsync();
        Assert.Equal("One bad word.\nEnd.", await page.InputValueAsync("#written"));
        await page.FillAsync("#written", "One good word.\nEnd.");
        await page.FillAsync("#written", "gone");
        await page.ClickAsync("#undo");
        Assert.Equal("One good word.\nEnd.", await page.InputValueAsync("#written"));
        await page.ClickAsync("#redo");
        await page.FocusAsync("#written");
        await page.Keyboard.PressAsync("Control+z");
        await page.ClickAsync("#changes-box summary");
        Assert.Equal(("bad", "good"), (await page.TextContentAsync("#changes del"), await page.TextContentAsync("#changes ins")));
        await page.ClickAsync("#submit");
        await Done(page, errors);
        Assert.Equal("One good word.\nEnd.", Assert.Single(server.Store.Rankings()).Judgement.Written);
    }

    [BrowserFact]
    public async Task A_draft_that_is_left_as_it_is_keeps_its_line_ends()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read("""{"prompt": "p", "draft": "a\r\nb"}""", TaskKind.Write)));
        var (page, errors) = await Open(server);
        await page.ClickAsync("#submit");
        await Done(page, errors);
        Assert.Equal("a\r\nb", Assert.Single(server.Store.Rankings()).Judgement.Written);
    }

    [BrowserFact]
    public async Task Answers_are_ranked_and_the_best_one_mended_in_one_go()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(
            TaskRow.Read("""{"kind": "rank_correct", "prompt": "p", "responses": ["answer x", "answer y", "answer z"]}""")));
        var (page, errors) = await Open(server);
        var shown = await page.Locator(".card .text").AllTextContentsAsync();
        await Assertions.Expect(page.Locator("#written")).ToBeDisabledAsync();
        foreach (var place in (string[])["2", "1", "3"])
        {
            await page.Keyboard.PressAsync(place);
        }

        await Expect(page, "#notation", "B > A > C");
        Assert.Equal(shown[1], await page.InputValueAsync("#written"));
        // Another best answer takes its place, until somebody has written.
        await page.Locator(".card").Nth(2).Locator(".places button").Nth(0).ClickAsync();
        await page.Locator(".card").Nth(1).Locator(".places button").Nth(2).ClickAsync();
        await Expect(page, "#notation", "C > A > B");
        Assert.Equal(shown[2], await page.InputValueAsync("#written"));
        await page.FillAsync("#written", "mended");
        await page.Locator(".card").Nth(0).Locator(".places button").Nth(0).ClickAsync();
        await page.Locator(".card").Nth(2).Locator(".places button").Nth(1).ClickAsync();
        await page.ClickAsync("#submit", new PageClickOptions { Force = true });
        await Expect(page, "#note", "Your text was made from answer C, and the best one is now A. Begin anew from it, or change the ranking.");
        await page.ClickAsync("#begin-anew");
        Assert.Equal(shown[0], await page.InputValueAsync("#written"));
        await page.FillAsync("#written", "mended again");
        await page.Keyboard.PressAsync("Control+Enter");
        await Done(page, errors);

        var ranking = Assert.Single(server.Store.Rankings());
        var answers = server.Store.FindTask(ranking.Task)!.Answers.Responses;
        Assert.Equal([shown[0], shown[2], shown[1]], ranking.Judgement.Tiers!.Select(tier => answers[tier.Single()]));
        Assert.Equal((shown[0], "mended again"), (answers[ranking.Judgement.Corrected!.Value], ranking.Judgement.Written));
    }

    [BrowserTheory]
    [InlineData("a", "accept")]
    [InlineData("r", "reject")]
    [InlineData("e", "edit")]
    public async Task A_demonstration_is_reviewed_by_keyboard_and_by_mouse(string key, string verdict)
    {
        const string row = """{"prompt": "p", "response": "The answer."}""";
        var rows = row + "\n" + row.Replace("p\"", "q\"", StringComparison.Ordinal);
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read(rows, TaskKind.Review)));
        var (page, errors) = await Open(server);
        await page.Keyboard.PressAsync("Escape");
        await page.Keyboard.PressAsync(key);
        await Assertions.Expect(page.Locator($"[data-verdict={verdict}]")).ToHaveAttributeAsync("aria-pressed", "true");
        if (verdict == "edit")
        {
            await page.Keyboard.PressAsync("Control+Enter");
            await Expect(page, "#note", "The text is as it was: accept it, or change it.");
            await page.Keyboard.PressAsync("End");
            await page.Keyboard.TypeAsync(" More.");
        }

        await page.ClickAsync("#submit");
        await Expect(page, "#prompt", "q");
        await page.ClickAsync($"[data-verdict={verdict}]");
        if (verdict == "edit")
        {
            await page.FillAsync("#written", "The answer. More.");
        }

        await page.ClickAsync("#submit");
        await Done(page, errors);
        Assert.Equal(2, server.Store.Rankings().Count);
        var text = verdict == "edit" ? "The answer. More." : null;
        Assert.All(server.Store.Rankings(), one => Assert.Equal((verdict, text), (one.Judgement.Verdict, one.Judgement.Written)));
    }

    [BrowserFact]
    public async Task A_prompt_is_written_with_its_use_case_and_flags_and_can_be_changed_afterwards()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read("""{"kind": "prompt"}""")));
        var (page, errors) = await Open(server);
        await page.FillAsync("#written", "Name a fruit.");
        await page.ClickAsync("#submit", new PageClickOptions { Force = true });
        await Expect(page, "#note", "Say first what the prompt is used for.");
        await page.SelectOptionAsync("#use-case", "open_qa");
        await page.ClickAsync("#prompt-flags-box summary");
        await page.Locator("#prompt-flags").GetByLabel("Off topic").CheckAsync();
        await page.ClickAsync("#submit");
        await Expect(page, "#empty-title", "Nothing to do");
        await Expect(page, "#saved", "Saved");
        await page.ClickAsync("#show-recent");
        await page.ClickAsync("#recent-list button");
        Assert.Equal(("Name a fruit.", "open_qa"), (await page.InputValueAsync("#written"), await page.InputValueAsync("#use-case")));
        Assert.True(await page.Locator("#prompt-flags").GetByLabel("Off topic").IsCheckedAsync());
        await page.FillAsync("#written", "Name two fruits.");
        await page.ClickAsync("#submit");
        await Done(page, errors);
        var one = Assert.Single(server.Store.Rankings());
        Assert.Equal(("Name two fruits.", "open_qa", 1), (one.Judgement.Written, one.Judgement.UseCase, one.Edits));
        Assert.Equal(["off_topic"], one.Judgement.PromptFlags);
    }

    [BrowserFact]
    public async Task What_was_not_handed_in_is_there_again_after_the_page_was_lost()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read(
            """{"kind": "rank_correct", "prompt": "p", "responses": ["answer x", "answer y", "answer z"]}""")));
        var (page, errors) = await Open(server);
        foreach (var place in (string[])["2", "1", "1"])
        {
            await page.Keyboard.PressAsync(place);
        }

        await page.FillAsync("#written", "half a text");
        await page.FillAsync("#comment", "and a comment");
        await Expect(page, "#kept", "Kept");
        await page.ReloadAsync();
        await page.Locator("#task").WaitForAsync();
        await Expect(page, "#notation", "B = C > A");
        Assert.Equal(("half a text", "and a comment"), (await page.InputValueAsync("#written"), await page.InputValueAsync("#comment")));
        await page.ClickAsync("#submit");
        await Done(page, errors);
        Assert.Equal("half a text", Assert.Single(server.Store.Rankings()).Judgement.Written);
    }

    [BrowserFact]
    public async Task A_task_to_write_is_skipped_with_a_reason()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read("""{"prompt": "p"}""", TaskKind.Write)));
        var (page, errors) = await Open(server);
        await page.FillAsync("#written", "begun");
        await page.ClickAsync("#cannot");
        await page.CheckAsync("#reason-form input[type=radio] >> nth=1");
        await page.ClickAsync("#reason-form .primary");
        await Done(page, errors);
        var judgement = Assert.Single(server.Store.Rankings()).Judgement;
        Assert.Equal(("I do not know enough about it", null), (judgement.CannotJudge, judgement.Written));
    }

    [BrowserFact]
    public async Task Criteria_and_the_reason_stand_beside_the_ranking()
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import(TestStore.Rows(1));
            store.Change(settings => settings with { Criteria = "Truthful: 1-5\nKind: 0 to 3", Reason = "required" });
        });
        var (page, errors) = await Open(server);
        await page.Keyboard.PressAsync("1");
        await page.Keyboard.PressAsync("2");
        await page.Keyboard.PressAsync("2");
        await page.SelectOptionAsync("[aria-label='Answer A: Truthful, 1 to 5']", "4");
        await page.SelectOptionAsync("[aria-label='Answer C: Kind, 0 to 3']", "0");
        await page.ClickAsync("#submit");
        await Expect(page, "#note", "Say why first: it is asked for below.");
        await page.FillAsync("#why", "It is right.");
        await page.ClickAsync("#submit");
        await Done(page, errors);
        var one = Assert.Single(server.Store.Rankings());
        Assert.Equal("It is right.", one.Judgement.Reason);
        Assert.Equal(new Dictionary<string, int> { ["Truthful"] = 4 }, one.Judgement.Scores[one.OrderShown[0]]);
        Assert.Equal(new Dictionary<string, int> { ["Kind"] = 0 }, one.Judgement.Scores[one.OrderShown[2]]);
        Assert.Empty(one.Judgement.Scores[one.OrderShown[1]]);
    }

    [BrowserFact]
    public async Task Texts_are_shown_as_Markdown_and_on_request_as_they_are_trained()
    {
        var row = new JsonObject { ["prompt"] = "**p**", ["responses"] = new JsonArray(Markdown, Markdown + "\n\nmore") };
        await using var server = await TestServer.StartAsync(store => store.Import(TaskRow.Read(row.ToJsonString())));
        var (page, errors) = await Open(server);
        var card = page.Locator(".card").First;
        await Expect(page, "#prompt strong", "p");
        foreach (var (part, text) in ((string, string)[])[("li strong", "two"), ("td >> nth=1", "2"), ("pre code", "for (;;) {}\n")])
        {
            Assert.Equal(text, await card.Locator(part).TextContentAsync());
        }

        Assert.Equal("x_1 < 2", await card.Locator("p code").First.TextContentAsync());
        await page.Keyboard.PressAsync("m");
        var raw = await page.Locator(".card .text").AllTextContentsAsync();
        Assert.Contains(Markdown, raw);
        await page.ReloadAsync();
        await card.WaitForAsync();
        await Expect(page, "#prompt", "**p**");
        await page.ClickAsync("#view");
        await Expect(page, "#prompt", "p");
        await page.Keyboard.PressAsync("d");
        await Expect(page, "#difference ins, #difference del", "more");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Hostile_Markdown_does_nothing()
    {
        string[] hostile =
        [
            "[x](javascript:document.title='owned') ![y](https://example.org/pixel.png) <javascript:alert(1)> [d](data:text/html,<script>1</script>)",
            "<img src=x onerror=\"document.title='owned'\"> <svg onload=alert(1)> <iframe src=//example.org></iframe> <form action=/api/logout><input></form>",
            "[a](https://example.org \"t\\\" onmouseover=\\\"document.title='owned'\")\n\n<details open ontoggle=alert(1)>\n\n```\" onload=\"alert(1)\nx\n```",
            new string('>', 3000) + " " + new string('[', 3000) + new string('*', 3000) + new string('$', 3000) + string.Concat(Enumerable.Repeat("**a *b ", 500)),
        ];
        await using var server = await TestServer.StartAsync(store => store.Import([TestStore.Row("<script>alert(1)</script>", hostile)]));
        var (page, errors) = await browser.OpenAsync(server.Address);
        List<string> asked = [];
        page.Request += (_, request) => asked.Add(request.Url);
        page.Dialog += (_, dialog) => errors.Add($"a dialog: {dialog.Message}");
        await Visit.Begin(page);
        await page.Locator(".card").First.WaitForAsync();
        await page.Locator(".card a").First.HoverAsync();
        Assert.Equal("Rank answers · RLHF.NET", await page.TitleAsync());
        const string Active = "#task :is(img, svg, iframe, script, style, [onload], [onmouseover], [onerror]), .text :is(form, input, details)";
        Assert.Equal(0, await page.Locator(Active).CountAsync());
        var links = await page.Locator(".card a").EvaluateAllAsync<string[]>("all => all.map(one => one.getAttribute('href'))");
        Assert.Equal(["https://example.org"], links.Distinct());
        Assert.Equal("noopener noreferrer nofollow", await page.Locator(".card a").First.GetAttributeAsync("rel"));
        Assert.All(asked, address => Assert.StartsWith(server.Address.ToString(), address, StringComparison.Ordinal));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [InlineData(390, 1)]
    [InlineData(1280, 2)]
    [InlineData(1700, 4)]
    public async Task Four_answers_stand_beside_each_other_where_there_is_room(int width, int columns)
    {
        await using var server = await TestServer.StartAsync(store =>
        {
            Examples.FillKinds(store);
            store.Submit(store.LocalUser(), new Submission(store.Next(store.LocalUser(), [])!.Id, "skip this one", new Judgement { CannotJudge = "x" }, 1));
        });
        var (page, errors) = await Open(server, width);
        await page.Locator(".card").Nth(3).WaitForAsync();
        await PageCheck.Look(page, "columns", ColorScheme.Light);
        var boxes = new List<LocatorBoundingBoxResult>();
        for (var i = 0; i < 4; i++)
        {
            boxes.Add((await page.Locator(".card").Nth(i).BoundingBoxAsync())!);
        }

        // No card is wider than its place, whatever stands in it.
        Assert.All(boxes, box => Assert.InRange(box.Width, boxes[0].Width - 1, boxes[0].Width + 1));
        Assert.Equal(columns, boxes.Count(box => box.Y == boxes[0].Y && box.X >= 0 && box.X + box.Width <= width));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task On_a_phone_the_next_answer_is_a_swipe_away()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        var (page, errors) = await Open(server, 390, touch: true);
        var session = await page.Context.NewCDPSessionAsync(page);
        var box = (await page.Locator("#answers").BoundingBoxAsync())!;
        Task Touch(string type, params int[] x) => session.SendAsync("Input.dispatchTouchEvent", new Dictionary<string, object>
        {
            ["type"] = type,
            ["touchPoints"] = x.Select(at => new { x = at, y = (int)box.Y + 40 }).ToArray(),
        });
        await Touch("touchStart", 340);
        for (var x = 320; x >= 20; x -= 20)
        {
            await Touch("touchMove", x);
        }

        await Touch("touchEnd");
        await page.WaitForFunctionAsync(
            "() => { const box = document.querySelectorAll('.card')[1].getBoundingClientRect(); return box.left >= 0 && box.right <= innerWidth; }");
        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
