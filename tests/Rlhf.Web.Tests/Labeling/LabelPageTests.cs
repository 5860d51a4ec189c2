using System.Globalization;
using Microsoft.Playwright;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers.Store;
using Rlhf.Web.Tests.Browsing;
using Xunit.Abstractions;

namespace Rlhf.Web.Tests.Labeling;

[Collection(BrowserTests.Name)]
public sealed class LabelPageTests(Browser browser, ITestOutputHelper output)
{
    private static async Task WaitForTask(IPage page) => await page.Locator(".card").First.WaitForAsync();

    private static async Task Press(IPage page, params string[] keys)
    {
        foreach (var key in keys)
        {
            await page.Keyboard.PressAsync(key);
        }
    }

    private static async Task Expect(IPage page, string selector, string text) => await Assertions.Expect(page.Locator(selector)).ToHaveTextAsync(text);

    [BrowserFact]
    public async Task A_labeler_ranks_with_the_keyboard_alone()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        var shown = await page.Locator(".card .text").AllTextContentsAsync();
        await Press(page, "2", "1", "1");
        await Expect(page, "#live", "Answer C: place 1, tied with B. Every answer has a place; Enter submits.");
        await Press(page, "Enter");

        await Expect(page, "#progress-text", "1 by you, 1 of 2 by all");
        var ranking = Assert.Single(server.Store.Rankings());
        var answers = server.Store.FindTask(ranking.Task)!.Answers.Responses;
        Assert.Equal([2, 1], ranking.Judgement.Tiers!.Select(tier => tier.Count));
        Assert.Equal(shown[0], answers[ranking.Judgement.Tiers![1].Single()]);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    /// <summary>Random drags, keys, clicks, ties and undos: page, store and export say what a plain model of them says.</summary>
    [BrowserFact]
    public async Task What_the_person_did_is_what_is_stored()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(RandomTasks(20, i => 2 + i % 8)));
        var (page, errors) = await browser.OpenAsync(server.Address, height: 1800);
        await RankAtRandom(page, server, 20, DragByMouse);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task What_the_finger_did_on_a_phone_is_what_is_stored()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(RandomTasks(8, i => 3 + i % 2)));
        var (page, errors) = await browser.OpenAsync(server.Address, 390, 844, touch: true);
        var touch = await page.Context.NewCDPSessionAsync(page);
        var drags = 0;
        await RankAtRandom(page, server, 8, (_, from, to) =>
        {
            drags++;
            return DragByTouch(touch, from, to);
        });
        Assert.True(drags > 8);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    private static IEnumerable<ImportRow> RandomTasks(int tasks, Func<int, int> answers) =>
        Enumerable.Range(0, tasks).Select(i => TestStore.Row($"Prompt {i}", [.. Enumerable.Range(0, answers(i)).Select(k => $"Answer {k} to prompt {i}")]));

    /// <summary>How something is dragged from one point to another.</summary>
    private delegate Task Dragging(IPage page, (float X, float Y) from, (float X, float Y) to);

    private static async Task DragByMouse(IPage page, (float X, float Y) from, (float X, float Y) to)
    {
        await page.Mouse.MoveAsync(from.X, from.Y);
        await page.Mouse.DownAsync();
        await page.Mouse.MoveAsync(from.X + 9, from.Y);
        await page.Mouse.MoveAsync(to.X, to.Y);
        await page.Mouse.UpAsync();
    }

    private static async Task DragByTouch(ICDPSession session, (float X, float Y) from, (float X, float Y) to)
    {
        Task Send(string type, params (float X, float Y)[] points) =>
            session.SendAsync("Input.dispatchTouchEvent",
                new Dictionary<string, object> { ["type"] = type, ["touchPoints"] = points.Select(point => new { x = point.X, y = point.Y }).ToArray() });
        await Send("touchStart", from);
        await Send("touchMove", (from.X + 20, from.Y));
        await Send("touchMove", ((from.X + to.X) / 2, (from.Y + to.Y) / 2));
        await Send("touchMove", to);
        await Send("touchEnd");
    }

    private static async Task RankAtRandom(IPage page, TestServer server, int tasks, Dragging drag)
    {
        await Visit.Begin(page);
        var said = new Dictionary<long, string[][]>();
        for (var i = 0; i < tasks; i++)
        {
            var random = new Random(i);
            await Assertions.Expect(page.Locator("#prompt")).ToHaveTextAsync($"Prompt {i}");
            var texts = await page.Locator(".card .text").AllTextContentsAsync();
            var model = new RankingModel(texts.Count);
            List<string> steps = [];
            for (var step = 0; step < 14 || !model.IsComplete; step++)
            {
                steps.Add(texts.Count == 2
                    ? await VotingStep(page, model, random)
                    : step < 14 ? await RandomStep(page, model, texts.Count, random, drag)
                    : await FinishingStep(page, model, random));
                await AssertShown(page, model, $"task {i}: {string.Join(", ", steps)}");
            }

            said[long.Parse((await page.Locator("#task").GetAttributeAsync("data-task"))!)] =
                [.. model.Tiers.Select(tier => tier.Select(answer => texts[answer]).Order(StringComparer.Ordinal).ToArray())];
            await (random.Next(2) == 0 ? page.Keyboard.PressAsync("Enter") : page.ClickAsync("#submit"));
        }

        await Expect(page, "#empty-title", "Nothing to do");
        await Expect(page, "#saved", "Saved");
        foreach (var ranking in server.Store.Rankings())
        {
            var answers = server.Store.FindTask(ranking.Task)!.Answers.Responses;
            Assert.Equal(
                said[ranking.Task], ranking.Judgement.Tiers!.Select(tier => tier.Select(answer => answers[answer]).Order(StringComparer.Ordinal).ToArray()));
        }

        Assert.Equal(tasks, server.Store.Rankings().Count);
        Assert.Equal(said.Values.Select(Text).Order(StringComparer.Ordinal), Exported(server.Store).Select(Text).Order(StringComparer.Ordinal));

        static string Text(string[][] tiers) => string.Join(" > ", tiers.Select(tier => string.Join(" = ", tier)));
    }

    private static IEnumerable<string[][]> Exported(RankingStore store)
    {
        var file = Path.Combine(Path.GetTempPath(), $"{Guid.NewGuid():N}.jsonl");
        try
        {
            using (var writer = new StreamWriter(file))
            {
                RankingExport.Write(store, writer, new ExportOptions());
            }

            return [.. DataReader.Rankings(new DataSource { Path = [file] }, ".", new Ledger("test"))
                .Select(row => row.Tiers!.Select(tier => tier.Select(answer => row.Responses[answer]).Order(StringComparer.Ordinal).ToArray()).ToArray())];
        }
        finally
        {
            File.Delete(file);
        }
    }

    private static async Task<string> RandomStep(IPage page, RankingModel model, int answers, Random random, Dragging drag)
    {
        var answer = random.Next(answers);
        switch (random.Next(9))
        {
            case 0 or 1:
                var number = random.Next(1, 10);
                model.Place(model.Selected, number);
                return await Key(page, $"{number}");
            case 2:
                var up = random.Next(2) == 0;
                model.Move(model.Selected, up ? -1 : 1);
                return await Key(page, up ? "ArrowUp" : "ArrowDown");
            case 3:
                var left = random.Next(2) == 0;
                model.Step(left ? -1 : 1);
                return await Key(page, left ? "ArrowLeft" : "ArrowRight");
            case 4:
                model.Tie(model.Selected);
                return await Key(page, "=");
            case 5:
                model.Undo();
                return await Key(page, "u");
            case 6:
                var place = random.Next(1, answers + 1);
                model.Select(answer);
                model.Place(answer, place);
                await page.Locator(".card").Nth(answer).Locator(".places button").Nth(place - 1).ClickAsync();
                return $"click {place} of {answer}";
            default:
                return await Drag(page, model, answer, random, drag);
        }
    }

    /// <summary>With two answers the page is for votes.</summary>
    private static async Task<string> VotingStep(IPage page, RankingModel model, Random random)
    {
        switch (random.Next(8))
        {
            case 0:
                model.Vote(null);
                return await Key(page, "=");
            case 1 or 2:
                var number = random.Next(1, 4);
                if (number < 3)
                {
                    model.Vote(number - 1);
                }

                return await Key(page, $"{number}");
            case 3:
                model.Undo();
                return await Key(page, "u");
            case 4:
                model.Step(1);
                return await Key(page, "ArrowRight");
            case 5:
                var up = random.Next(2) == 0;
                model.Vote(up ? model.Selected : 1 - model.Selected);
                return await Key(page, up ? "ArrowUp" : "ArrowDown");
            default:
                var button = random.Next(3);
                model.Vote(button == 1 ? null : button / 2);
                await page.Locator("#vote button").Nth(button).ClickAsync();
                return $"vote {button}";
        }
    }

    private static async Task<string> FinishingStep(IPage page, RankingModel model, Random random)
    {
        var (answer, place) = (model.Unplaced[0], 1 + random.Next(2));
        model.Select(answer);
        model.Place(answer, place);
        await page.Locator(".card").Nth(answer).Locator(".places button").Nth(place - 1).ClickAsync();
        return $"click {place} of {answer}";
    }

    private static async Task<string> Key(IPage page, string key)
    {
        await page.Keyboard.PressAsync(key);
        return key;
    }

    private static async Task<string> Drag(IPage page, RankingModel model, int answer, Random random, Dragging drag)
    {
        var chip = random.Next(2) == 0;
        var source = chip ? page.Locator($"aside .chip[data-drag='{answer}']") : page.Locator($".letter[data-drag='{answer}']");
        if (!chip)
        {
            // On a phone the ranking covers the lower part of the page, and the other answers lie beside it.
            await source.EvaluateAsync("element => element.closest('.card').scrollIntoView({ block: 'start', inline: 'center' })");
        }

        var rows = model.Tiers.Count;
        string name;
        LocatorBoundingBoxResult box;
        var share = 0.5f;
        if (!chip)
        {
            model.Select(answer);
        }

        if (rows == 0 || random.Next(5) == 0)
        {
            (name, box) = ("tray", (await page.Locator("#tray").BoundingBoxAsync())!);
            model.Tray(answer);
        }
        else
        {
            var row = random.Next(rows);
            box = (await page.Locator("#board > .tier").Nth(row).BoundingBoxAsync())!;
            (name, share) = random.Next(3) switch { 0 => ("before", 0.1f), 1 => ("onto", 0.5f), _ => ("after", 0.9f) };
            if (name == "onto")
            {
                model.Join(answer, row);
            }
            else
            {
                model.Gap(answer, name == "before" ? row : row + 1);
            }

            name += $" {row}";
        }

        var from = (await source.BoundingBoxAsync())!;
        // Tiers lie below each other, or beside each other on a phone.
        var across = page.ViewportSize!.Width < 768;
        var to = across && name != "tray" ? (box.X + box.Width * share, box.Y + box.Height / 2) : (box.X + box.Width * 0.9f, box.Y + box.Height * share);
        await drag(page, (from.X + from.Width / 2, from.Y + from.Height / 2), to);
        return $"drag {answer} {name}";
    }

    private static async Task AssertShown(IPage page, RankingModel model, string steps)
    {
        var shown = await page.EvaluateAsync<string>(
            """
            () => [...document.querySelectorAll("#board .tier")].map(tier => [...tier.querySelectorAll(".chip")].map(chip => chip.textContent).join("")).join(">")
              + "|" + [...document.querySelectorAll("#tray .chip")].map(chip => chip.textContent).join("") + "|" + document.querySelector(".card.selected .letter").textContent
            """);
        static string Letters(IEnumerable<int> answers) => string.Concat(answers.Select(answer => (char)('A' + answer)));
        Assert.True(
            $"{string.Join('>', model.Tiers.Select(Letters))}|{Letters(model.Unplaced)}|{Letters([model.Selected])}" == shown,
            $"{steps}: the page shows {shown}, the model has {string.Join('>', model.Tiers.Select(Letters))}|{Letters(model.Unplaced)}|{Letters([model.Selected])}");
    }

    /// <summary>Prints how long the next task takes, from the key to the frame that shows it; asserts on what makes it fast.</summary>
    [BrowserFact]
    public async Task The_next_task_is_there_before_it_is_asked_for()
    {
        const int Tasks = 40;
        await using var server = await TestServer.StartAsync(store => store.Import(RandomTasks(Tasks + 1, _ => 4)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        List<double> milliseconds = [];
        for (var i = 0; i < Tasks; i++)
        {
            await page.WaitForFunctionAsync(
                "wanted => performance.getEntriesByType('resource').filter(entry => entry.name.endsWith('/api/next')).length === wanted", i + 2);
            await Press(page, "1", "2", "3", "4");
            var (time, requests, shown) = ParseNext(await page.EvaluateAsync<string>(
                """
                async () => {
                  const requests = () => performance.getEntriesByType("resource").filter(entry => entry.name.endsWith("/api/next")).length;
                  const task = document.getElementById("task"), before = requests(), begun = performance.now();
                  const changed = new Promise(done => new MutationObserver(done).observe(task, { attributeFilter: ["data-task"] }));
                  document.body.dispatchEvent(new KeyboardEvent("keydown", { key: "Enter", bubbles: true }));
                  await changed;
                  const asked = requests() - before;
                  await new Promise(requestAnimationFrame);
                  return `${performance.now() - begun} ${asked} ${document.getElementById("prompt").textContent}`;
                }
                """));
            milliseconds.Add(time);
            Assert.Equal((0, $"Prompt {i + 1}"), (requests, shown));
        }

        await Expect(page, "#saved", "Saved");
        milliseconds.Sort();
        output.WriteLine(
            string.Create(
                CultureInfo.InvariantCulture, $"next task shown: {Tasks} tasks, median {milliseconds[Tasks / 2]:F1} ms, longest {milliseconds[^1]:F1} ms"));
        Assert.Empty(errors);
        await page.Context.CloseAsync();

        static (double Time, int Requests, string Shown) ParseNext(string text) =>
            text.Split(' ', 3) is [var time, var requests, var shown]
                ? (double.Parse(time, CultureInfo.InvariantCulture), int.Parse(requests, CultureInfo.InvariantCulture), shown)
                : throw new FormatException(text);
    }

    [BrowserFact]
    public async Task Hostile_texts_stay_texts()
    {
        string[] hostile =
        [
            "<script>document.title = 'owned'</script><img src=x onerror=\"document.title='owned'\">",
            "javascript:alert(1) <a href=\"javascript:alert(1)\">x</a> <style>*{display:none}</style>",
            "safe\u202Etxt.exe\u2066 pass\u200Bword\0 \uFEFF\U000E0041", "one " + new string('x', 5_000_000), "مرحبا 👨‍👩‍👧 \u2028 </div></body>",
            "${alert(1)} {{7*7}} &lt;b&gt; %3Cscript%3E",
        ];
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import([TestStore.Row("<b>\u202Eprompt</b>", hostile)]);
            store.Change(settings => settings with { Instructions = "# <img src=x>\n- [x](javascript:alert(1)) **<b>bold</b>**" });
        });
        var (page, errors) = await browser.OpenAsync(server.Address);
        page.Dialog += (_, dialog) => errors.Add($"a dialog: {dialog.Message}");
        await Visit.Begin(page);
        await WaitForTask(page);

        Assert.Equal("Rank answers · RLHF.NET", await page.TitleAsync());
        Assert.Equal(0, await page.Locator("#prompt b, #answers img, #answers a, #answers script, #answers style, dialog img, dialog a").CountAsync());
        Assert.Equal("strong", await page.Locator("#instructions-text strong").EvaluateAsync<string>("element => element.localName"));
        var shown = await page.Locator(".card .text").AllTextContentsAsync();
        Assert.Contains(hostile[0], shown);
        Assert.Contains(hostile[1], shown);
        Assert.Contains("safeU+202Etxt.exeU+2066 passU+200BwordU+0000 U+FEFFU+E0041", shown);
        Assert.Contains("مرحبا 👨‍👩‍👧 U+2028 </div></body>", shown);
        Assert.Contains(
            shown, text => text.StartsWith("one xxx", StringComparison.Ordinal) && text.Length < 21_000
                && text.EndsWith("(4,980,004 characters are left)", StringComparison.Ordinal));
        Assert.Equal("isolate", await page.Locator(".card .text").First.EvaluateAsync<string>("element => getComputedStyle(element).unicodeBidi"));
        await Press(page, "1", "2", "3", "4", "5", "6", "Enter");
        await Expect(page, "#saved", "Saved");
        Assert.Single(server.Store.Rankings());
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Without_the_network_the_next_task_is_there_and_the_ranking_is_sent_later()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(3)));
        var (page, _) = await browser.OpenAsync(server.Address);
        await page.RunAndWaitForResponseAsync(
            async () =>
            {
                await Visit.Begin(page);
                await WaitForTask(page);
            },
            response => response.Url.EndsWith("/api/next", StringComparison.Ordinal) && response.Request.PostData!.Contains('1', StringComparison.Ordinal));
        await page.Context.SetOfflineAsync(true);
        await Press(page, "1", "2", "3", "Enter");
        await Expect(page, "#prompt", "Prompt 1");
        await Expect(page, "#saved", "Not saved yet, trying again: The server does not answer.");
        Assert.Empty(server.Store.Rankings());

        await page.Context.SetOfflineAsync(false);
        await Expect(page, "#saved", "Saved");
        Assert.Equal(1, Assert.Single(server.Store.Rankings()).Task);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task While_the_server_cannot_save_a_ranking_cannot_be_sent_again_and_is_never_called_lost()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, _) = await browser.OpenAsync(server.Address);
        var answered = 0;
        // The ranking arrives and is stored, but the answer is that the server failed; nothing can be fetched either.
        await page.RouteAsync("**/api/rankings", async route =>
        {
            if (Interlocked.Increment(ref answered) < 4)
            {
                await route.FetchAsync();
                await route.FulfillAsync(
                    new RouteFulfillOptions { Status = 500, ContentType = "application/json", Body = "{\"error\": \"The server failed; its log says why.\"}" });
            }
            else
            {
                await route.ContinueAsync();
            }
        });
        await page.RouteAsync("**/api/next", route => answered is > 0 and < 4 ? route.AbortAsync() : route.ContinueAsync());
        await Visit.Begin(page);
        await WaitForTask(page);
        await Press(page, "1", "2", "3", "Enter");
        await Expect(page, "#prompt", "Prompt 1");
        await Press(page, "1", "2", "3", "Enter");
        await Assertions.Expect(page.Locator("#submit")).ToBeDisabledAsync();
        await Assertions.Expect(page.Locator("#saved")).ToHaveTextAsync("Not saved yet, trying again: The server failed; its log says why.");
        await Assertions.Expect(page.Locator("#note")).ToContainTextAsync("The next prompt comes when the server has saved this one");
        await Press(page, "3", "2", "1", "Enter", "Enter");

        await Expect(page, "#empty-title", "Nothing to do");
        await Expect(page, "#saved", "Saved");
        await Assertions.Expect(page.Locator("#trouble")).ToBeHiddenAsync();
        Assert.Equal(2, server.Store.Rankings().Count);
        Assert.All(server.Store.Rankings(), ranking => Assert.Equal((0, ranking.OrderShown[0]), (ranking.Edits, ranking.Judgement.Tiers![0].Single())));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Who_was_signed_out_meanwhile_does_not_lose_the_ranking()
    {
        var token = "";
        await using var server = await TestServer.StartAsync(store =>
        {
            store.Import(TestStore.Rows(2));
            token = store.AddUser("ann", UserRole.Owner);
        });
        var (page, _) = await browser.OpenAsync(server.Address);
        Cookie cookie = new() { Name = "rlhf_token", Value = token, Url = server.Address.ToString() };
        await page.Context.AddCookiesAsync([cookie]);
        await Visit.Begin(page);
        await WaitForTask(page);
        await page.Context.ClearCookiesAsync();
        await Press(page, "1", "2", "3", "Enter");
        await Assertions.Expect(page.Locator("#sign-in")).ToBeVisibleAsync();
        Assert.Empty(server.Store.Rankings());
        await page.Context.AddCookiesAsync([cookie]);
        await Expect(page, "#saved", "Saved");
        await Assertions.Expect(page.Locator("#sign-in")).ToBeHiddenAsync();
        Assert.Single(server.Store.Rankings());
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Two_windows_of_one_labeler_do_not_undo_each_others_changes()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        await Press(page, "1", "2", "3", "Enter");
        await Expect(page, "#saved", "Saved");
        await page.ClickAsync("#show-recent");
        await page.ClickAsync("#recent-list button");
        await Expect(page, "#submit", "Save the change");
        var user = server.Store.LocalUser();
        Assert.Equal(SubmissionResult.Stored,
            server.Store.Submit(user, new Submission(1, "other window", new Judgement { Tiers = [[2], [1], [0]] }, 1, Edit: true, Revision: 0)));
        await Press(page, "ArrowDown", "Enter");

        await Assertions.Expect(page.Locator("#trouble")).ToContainTextAsync("you have changed this task in another window meanwhile");
        Assert.Equal(1, Assert.Single(server.Store.Rankings()).Edits);
        Assert.Contains(errors, error => error.Contains("409", StringComparison.Ordinal));
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Enter_says_which_answers_have_no_place_yet()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(1)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        await Press(page, "1", "Enter");
        await Expect(page, "#note", "Answers B and C have no place yet.");
        var (note, submit) = ((await page.Locator("#note").BoundingBoxAsync())!, (await page.Locator("#submit").BoundingBoxAsync())!);
        Assert.InRange(submit.Y - note.Y, 0, 150);
        await Press(page, "2");
        await Expect(page, "#note", "");
        await page.ClickAsync("#submit", new PageClickOptions { Force = true }); // It looks disabled, and says why.
        await Expect(page, "#note", "Answer C has no place yet.");
        Assert.Equal("C", await page.Locator(".card.selected .letter").TextContentAsync());
        await Press(page, "3", "Enter");
        await Expect(page, "#saved", "Saved");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Instructions_are_shown_at_first_and_again_when_they_have_changed()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(4)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        await page.ReloadAsync();
        await WaitForTask(page);
        await Assertions.Expect(page.Locator("#instructions")).ToBeHiddenAsync();

        server.Store.Change(settings => settings with { Instructions = "# Prefer short answers" });
        await Press(page, "1", "2", "3", "Enter");
        await Assertions.Expect(page.Locator("#changed")).ToBeVisibleAsync();
        await page.ClickAsync("#read-changed");
        await Expect(page, "#instructions-text", "Prefer short answers");
        await page.ClickAsync("#instructions .primary");
        await Assertions.Expect(page.Locator("#changed")).ToBeHiddenAsync();

        // Those who were away see them first.
        server.Store.Change(settings => settings with { Instructions = "# Prefer long answers" });
        await page.ReloadAsync();
        await Assertions.Expect(page.Locator("#instructions-changed")).ToBeVisibleAsync();
        await Expect(page, "#instructions-text", "Prefer long answers");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task A_tower_of_combining_marks_stays_in_its_box()
    {
        var tower = "a" + new string('\u0301', 5000);
        await using var server =
            await TestServer.StartAsync(store => store.Import([TestStore.Row($"Prompt {tower}", [$"x{tower}", "Tiếng Việt, हिन्दी, עִבְרִית"])]));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        var texts = await page.Locator(".card .text").AllTextContentsAsync();
        Assert.Contains("xa" + new string('\u0301', 6) + "4994 combining marks", texts);
        Assert.Contains("Tiếng Việt, हिन्दी, עִבְרִית", texts);
        Assert.All(await page.Locator(".text").EvaluateAllAsync<string[]>("all => all.map(one => getComputedStyle(one).contain)"),
            contain => Assert.Equal("paint", contain));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task An_earlier_ranking_can_be_changed_and_the_present_one_waits()
    {
        await using var server = await TestServer.StartAsync(store => store.Import(TestStore.Rows(2)));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        await page.Locator(".card").First.Locator("summary").ClickAsync();
        await page.Locator(".card").First.GetByLabel("Harmful").CheckAsync();
        await page.FillAsync("#comment", "first");
        await page.Locator(".card").First.ClickAsync(new LocatorClickOptions { Position = new Position { X = 5, Y = 5 } });
        await Press(page, "1", "2", "3", "Enter");
        await Expect(page, "#prompt", "Prompt 1");
        await Expect(page, "#saved", "Saved");
        await Press(page, "2");

        await page.ClickAsync("#show-recent");
        await page.ClickAsync("#recent-list button");
        await Expect(page, "#prompt", "Prompt 0");
        Assert.Equal("first", await page.InputValueAsync("#comment"));
        Assert.True(await page.Locator(".card").First.GetByLabel("Harmful").IsCheckedAsync());
        await Press(page, "ArrowDown", "ArrowDown", "Enter");
        await Expect(page, "#prompt", "Prompt 1");
        await Expect(page, "#board .tier", "2A");
        await Expect(page, "#saved", "Saved");

        var ranking = Assert.Single(server.Store.Rankings());
        Assert.Equal(1, ranking.Edits);
        Assert.Equal([1, 2, 0], ranking.Judgement.Tiers!.Select(tier => ranking.OrderShown.Index().Single(place => place.Item == tier.Single()).Index));
        Assert.Equal(["harmful"], ranking.Judgement.Flags[ranking.OrderShown[0]]);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task What_cannot_be_judged_is_said_with_a_reason()
    {
        await using var server = await TestServer.StartAsync(store => store.Import([TestStore.Row("x", ["", "y", "z"])]));
        var (page, errors) = await browser.OpenAsync(server.Address);
        await Visit.Begin(page);
        await WaitForTask(page);
        await Expect(page, ".card .invisible", "empty");
        await page.ClickAsync("#cannot");
        await page.FillAsync("#reason-text", "It is in Greek");
        await page.ClickAsync("#reason-form .primary");
        await Expect(page, "#empty-title", "Nothing to do");
        await Expect(page, "#saved", "Saved");
        var ranking = Assert.Single(server.Store.Rankings());
        Assert.Equal(("It is in Greek", null), (ranking.Judgement.CannotJudge, ranking.Judgement.Tiers));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task On_a_phone_everything_is_within_reach_of_a_thumb()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        var (page, errors) = await browser.OpenAsync(server.Address, 390, 844, ColorScheme.Dark, touch: true);
        await Visit.Begin(page);
        await WaitForTask(page);
        foreach (var (answer, place) in ((int, int)[])[(0, 2), (1, 1), (2, 2), (3, 4)])
        {
            await page.Locator(".card").Nth(answer).Locator(".places button").Nth(place - 1).TapAsync();
        }

        Assert.True(await page.EvaluateAsync<bool>("() => document.documentElement.scrollWidth <= innerWidth"));
        await page.EvaluateAsync("() => scrollTo(0, 0)");
        await Screenshots.Take(page, "label-phone");
        await page.TapAsync("#submit");
        await Expect(page, "#saved", "Saved");
        Assert.Equal([1, 2, 1], Assert.Single(server.Store.Rankings()).Judgement.Tiers!.Select(tier => tier.Count));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task The_page_for_the_documents()
    {
        await using var server = await TestServer.StartAsync(Examples.Fill);
        var (page, errors) = await browser.OpenAsync(server.Address, height: 800);
        await Visit.Begin(page);
        await WaitForTask(page);
        await Press(page, "2", "1", "2");
        await Screenshots.Take(page, "label");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }
}
