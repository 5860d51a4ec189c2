using System.Text.Json;
using Microsoft.Playwright;
using Rlhf.Labelers.Store;
using Rlhf.Web.Serving;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Serving;

[Collection(BrowserTests.Name)]
public sealed class ChatPageTests(Browser browser)
{
    private const string Hostile =
        "<img src=x onerror=\"document.title='broken'\"> <script>document.title='broken'</script> [a](javascript:alert(1)) \u202Eevil\u200B";

    [BrowserFact]
    public async Task The_answer_on_the_page_is_the_models()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await page.Locator("#open-settings").ClickAsync();
        await page.Locator("#seed").FillAsync("7");
        await page.Locator("#max_tokens").FillAsync("30");
        await page.Locator("#temperature").FillAsync("0.8");
        await Say(page, "Name a fruit.");
        await Assertions.Expect(page.Locator(".assistant .text")).ToHaveAttributeAsync("tabindex", "0");

        var expected = await server.Post(
            "/v1/chat/completions", new { model = "tiny", messages = CompletionTests.Say("Name a fruit."), seed = 7, max_tokens = 30, temperature = 0.8 });
        Assert.Equal(expected.GetProperty("choices")[0].GetProperty("message").GetProperty("content").GetString(),
            await page.Locator(".assistant .text").EvaluateAsync<string>("element => element.textContent"));
        Assert.Equal("Name a fruit.", await page.Locator(".user .text").TextContentAsync());
        Assert.Contains("Answer: ", await page.Locator("#status").TextContentAsync(), StringComparison.Ordinal);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Probabilities_show_under_the_pointer_and_by_the_keyboard()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await Stub(page, ("An", -0.105, [65, 110]), (" apple", -2.302, [32, 97, 112, 112, 108, 101]));
        await Say(page, "x");
        await page.Locator(".token").Nth(1).HoverAsync();
        await Assertions.Expect(page.Locator("#token .chosen")).ToContainTextAsync("10.0 %");
        Assert.Equal("\u2423apple", await page.Locator("#token .chosen .piece").TextContentAsync());
        await page.Mouse.MoveAsync(1, 1);
        await Assertions.Expect(page.Locator("#token")).ToBeHiddenAsync();

        await page.Locator(".assistant .text").FocusAsync();
        await page.Keyboard.PressAsync("ArrowRight");
        await Assertions.Expect(page.Locator("#token .chosen")).ToContainTextAsync("90.0 %");
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("An: 90.0 %");
        await page.Keyboard.PressAsync("End");
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("apple: 10.0 %");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(page.Locator("#token")).ToBeHiddenAsync();
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Stop_ends_the_answer_on_the_server_too_and_regenerate_asks_again()
    {
        await using var server = await TinyServer.Start();
        server.Tiny.Worker.Hold(true);
        var (page, errors) = await Open(server);
        await Say(page, "Name a fruit.");
        await TinyServer.Until(() => server.Tiny.Worker.Live == 1);
        await page.Keyboard.PressAsync("Escape");
        await TinyServer.Until(() => server.Tiny.Worker.Live == 0);
        await Assertions.Expect(page.Locator(".tools")).ToContainTextAsync("stopped");

        server.Tiny.Worker.Hold(false);
        await page.Locator("#open-settings").ClickAsync();
        await page.Locator("#max_tokens").FillAsync("20");
        await page.Locator("#seed").FillAsync("7");
        await page.Locator(".regenerate").ClickAsync();
        await Assertions.Expect(page.Locator(".assistant .token").First).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(1);
        await Say(page, "And a colour.");
        await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(2);
        await page.Locator("#new").ClickAsync();
        await Assertions.Expect(page.Locator(".turn")).ToHaveCountAsync(0);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Texts_of_users_and_models_are_only_ever_text()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await Stub(page, (Hostile, -1, [.. System.Text.Encoding.UTF8.GetBytes(Hostile)]));
        await Say(page, Hostile);
        await Assertions.Expect(page.Locator(".assistant .text")).ToHaveTextAsync(Hostile);

        Assert.Equal(Hostile, await page.Locator(".user .text").TextContentAsync());
        Assert.Equal(0, await page.Locator("main img, main script, main a").CountAsync());
        Assert.Equal("Chat - RLHF.NET", await page.TitleAsync());
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Errors_are_said_and_a_key_can_be_given()
    {
        const string Key = "0123456789abcdef";
        await using var server = await TinyServer.Start(apiKey: Key);
        var (page, _) = await browser.OpenAsync(server.Client.BaseAddress!);
        await page.GotoAsync("/");
        await Assertions.Expect(page.Locator("#error")).ToContainTextAsync("API key");
        await page.Locator("#key").FillAsync(Key);
        await page.Keyboard.PressAsync("Tab");
        await Assertions.Expect(page.Locator("#model option")).ToHaveTextAsync(["tiny", "other"]);
        await page.Locator("#temperature").FillAsync("9");
        await Say(page, "x");
        await Assertions.Expect(page.Locator("#error")).ToContainTextAsync("temperature");
        await page.Locator("#temperature").FillAsync("1");
        await page.Locator("#max_tokens").FillAsync("5");
        await page.Locator("#seed").FillAsync("7");
        await page.Locator(".regenerate").ClickAsync();
        await Assertions.Expect(page.Locator(".assistant .token").First).ToBeVisibleAsync();
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task The_page_fits_a_phone()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await browser.OpenAsync(server.Client.BaseAddress!, width: 360, height: 640, ColorScheme.Dark, touch: true);
        await page.GotoAsync("/");
        await Stub(page, (new string('w', 300), -1, [.. Enumerable.Repeat(119, 300)]));
        await page.Locator("#open-settings").ClickAsync();
        await Say(page, "x");
        await Assertions.Expect(page.Locator(".assistant .token")).ToHaveCountAsync(1);
        Assert.True(await page.EvaluateAsync<bool>("document.documentElement.scrollWidth <= innerWidth"));
        Assert.Empty(errors);
        await Screenshots.Take(page, "chat-phone");
        await page.Context.CloseAsync();
    }

    [PictureFact]
    public async Task The_picture_of_the_documents_is_this_page()
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-serve-").FullName;
        var models = new ServedModels([ServedLanguageModel.Load("stories260k", StoriesFactAttribute.Model, new ServingSettings(2, 4))]);
        await using var server = await TinyServer.Start(models, folder);
        var (page, errors) = await browser.OpenAsync(server.Client.BaseAddress!, width: 900, height: 640);
        await page.GotoAsync("/");
        await page.Locator("#open-settings").ClickAsync();
        await page.Locator("#seed").FillAsync("4");
        await page.Locator("#temperature").FillAsync("0.7");
        await page.Locator("#max_tokens").FillAsync("90");
        await page.Locator("#shade").CheckAsync();
        await page.Locator("#open-settings").ClickAsync();
        await Say(page, "Once upon a time, there was a little dog");
        await Assertions.Expect(page.Locator(".assistant .text")).ToHaveAttributeAsync("tabindex", "0");
        await page.Locator(".token").Nth(12).HoverAsync();
        await Assertions.Expect(page.Locator("#token")).ToBeVisibleAsync();
        Assert.Empty(errors);
        await Screenshots.Take(page, "chat");
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Messages_are_copied_edited_and_sent_again()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await page.Context.GrantPermissionsAsync(["clipboard-read", "clipboard-write"]);
        await Stub(page, ("An apple.", -0.1, [65]));
        await Say(page, "Name a fruit.");
        await Say(page, "And a colour.");
        await Assertions.Expect(page.Locator(".assistant .acts")).ToHaveCountAsync(2);
        await page.Locator(".assistant").First.GetByRole(AriaRole.Button, new() { Name = "Copy the text" }).ClickAsync();
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("Copied");
        Assert.Equal("An apple.", await page.EvaluateAsync<string>("() => navigator.clipboard.readText()"));

        var edit = page.Locator(".user").First.GetByRole(AriaRole.Button, new() { Name = "Edit and send again" });
        await edit.FocusAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("Escape");
        await Assertions.Expect(edit).ToBeFocusedAsync();
        await page.Keyboard.PressAsync("Enter");
        await page.Keyboard.PressAsync("End");
        await page.Keyboard.TypeAsync(" Please.");
        await page.Keyboard.PressAsync("Enter");
        await Assertions.Expect(page.Locator(".user .text")).ToHaveTextAsync(["Name a fruit. Please."]);
        await Assertions.Expect(page.Locator(".assistant .acts")).ToHaveCountAsync(1);
        await page.Locator(".regenerate").ClickAsync();
        await Assertions.Expect(page.Locator(".count")).ToHaveTextAsync("2 of 2");
        await page.GetByRole(AriaRole.Button, new() { Name = "Earlier answer" }).ClickAsync();
        await Assertions.Expect(page.Locator(".count")).ToHaveTextAsync("1 of 2");
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Chats_stay_in_the_browser_and_can_be_deleted()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await Stub(page, ("**Apple**, or\n\n- pear", -0.1, [65]));
        await Say(page, "Name a fruit.");
        await Assertions.Expect(page.Locator(".assistant .markdown strong")).ToHaveTextAsync("Apple");
        await Assertions.Expect(page.Locator(".assistant p.text").First).ToBeHiddenAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Show the tokens as they are" }).ClickAsync();
        await Assertions.Expect(page.Locator(".assistant > p.text")).ToBeVisibleAsync();
        await page.ReloadAsync();
        await page.Locator("#open-chats").ClickAsync();
        await page.Locator("#chats li button").First.ClickAsync();
        await Assertions.Expect(page.Locator(".user .text")).ToHaveTextAsync("Name a fruit.");
        await Assertions.Expect(page.Locator(".assistant .markdown li")).ToHaveTextAsync("pear");
        await page.Locator(".regenerate").ClickAsync();
        await Assertions.Expect(page.Locator(".count")).ToHaveTextAsync("2 of 2");

        await page.Locator("#open-chats").ClickAsync();
        await Assertions.Expect(page.Locator("#chats li")).ToHaveCountAsync(1);
        await page.Locator("#forget").ClickAsync();
        await Assertions.Expect(page.Locator("#no-chats")).ToBeVisibleAsync();
        Assert.Null(await page.EvaluateAsync<string?>("() => localStorage.getItem('rlhf-chats')"));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    [BrowserFact]
    public async Task Opinions_on_two_models_side_by_side_are_kept_as_they_were_given()
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-feedback-");
        var store = RankingStore.Open(Path.Combine(folder.FullName, "feedback.db"));
        await using var server = await TinyServer.Start(feedback: store);
        var (page, errors) = await Open(server);
        await StubByModel(page);
        await page.Locator("#beside").SelectOptionAsync("other");
        await Say(page, "Name a fruit.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Second is better" }).ClickAsync();
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("Kept.");
        await Assertions.Expect(page.Locator(".better")).ToContainTextAsync("goes on with the second");
        var texts = await page.Locator(".column > p.text").AllTextContentsAsync();
        var pair = Assert.Single(store.Tasks(kind: TaskKind.Rank));
        Assert.Equal(texts, pair.Answers.Responses);
        Assert.Equal(["tiny", "other"], pair.Answers.Models);
        Assert.Equal([[1], [0]], Assert.Single(store.Rankings()).Judgement.Tiers);

        await page.Locator(".column").First.GetByRole(AriaRole.Button, new() { Name = "Bad answer" }).ClickAsync();
        await Assertions.Expect(page.Locator(".column").First.Locator("[aria-pressed=true]")).ToHaveTextAsync("Bad");
        Assert.Equal("reject", store.Rankings().Single(ranking => ranking.Judgement.Verdict is not null).Judgement.Verdict);

        // The next question follows the better answer, for both.
        var asked = new List<string>();
        page.Request += (_, request) =>
        {
            if (request.Url.EndsWith("/chat/completions", StringComparison.Ordinal))
            {
                asked.Add(request.PostData!);
            }
        };
        await Say(page, "And a colour.");
        await Assertions.Expect(page.Locator(".better")).ToHaveCountAsync(2);
        await Assertions.Expect(page.Locator(".better").Last.Locator("button")).ToHaveCountAsync(3);
        Assert.Equal(2, asked.Count);
        Assert.All(asked, body => Assert.Equal(
            texts[1], JsonDocument.Parse(body).RootElement.GetProperty("messages")[1].GetProperty("content").GetString()));
        Assert.Empty(errors);
        await page.Context.CloseAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        folder.Delete(recursive: true);
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task Two_answers_side_by_side_can_be_read(int width, ColorScheme colors)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-feedback-");
        await using var server = await TinyServer.Start(feedback: RankingStore.Open(Path.Combine(folder.FullName, "feedback.db")));
        var (page, errors) = await browser.OpenAsync(server.Client.BaseAddress!, width, width < 500 ? 844 : 900, colors);
        await page.GotoAsync("/");
        await Assertions.Expect(page.Locator("#model option")).ToHaveTextAsync(["tiny", "other"]);
        await Stub(page, ("Two fruits:\n\n1. an **apple**\n2. a `pear`\n\n> and a quotation\n\n```\ncode of a line that is rather long for a phone\n```\n\n| a | b |\n| - | - |\n| 1 | 2 |", -0.1, [65]));
        await page.Locator("#beside").SelectOptionAsync("other");
        await Say(page, "Name two fruits, and say which of them you would rather have.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Good answer" }).First.ClickAsync();
        await Assertions.Expect(page.Locator("#status")).ToHaveTextAsync("Kept.");
        await page.GetByRole(AriaRole.Button, new() { Name = "Edit and send again" }).ClickAsync();
        await page.Locator("#open-chats").ClickAsync();
        await PageCheck.Look(page, "chat-two", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
        Microsoft.Data.Sqlite.SqliteConnection.ClearAllPools();
        folder.Delete(recursive: true);
    }

    /// <summary>An untrained model does not end by itself: every answer is cut.</summary>
    [BrowserFact]
    public async Task The_talk_goes_on_after_answers_that_were_cut()
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await Open(server);
        await page.Locator("#open-settings").ClickAsync();
        await page.Locator("#temperature").FillAsync("0"); // Otherwise one in 290 tokens is an end.
        await page.Locator("#open-settings").ClickAsync();
        for (var i = 0; i < 4; i++)
        {
            await Say(page, $"Name a fruit, the {i}th.");
            await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(i + 1);
            await Assertions.Expect(page.Locator(".assistant .text").Last)
                .ToHaveAttributeAsync("tabindex", "0", new LocatorAssertionsToHaveAttributeOptions { Timeout = 30_000 });
            await Assertions.Expect(page.Locator(".tools")).ToContainTextAsync("you can go on");
        }

        await Assertions.Expect(page.Locator("#error")).ToBeHiddenAsync();
        await Assertions.Expect(page.Locator("#left-out")).ToContainTextAsync("The model no longer sees what is above");
        Assert.True(await page.Locator(".turn.left-out").CountAsync() >= 2);
        Assert.Equal(
            "LI", await page.Locator(".turn:not(.left-out)").First.EvaluateAsync<string>(
                "turn => turn.previousElementSibling.id === 'left-out' ? turn.nodeName : 'elsewhere'"));
        Assert.Empty(errors);
        await page.Locator("#new").ClickAsync();
        await Assertions.Expect(page.Locator("#left-out")).ToHaveCountAsync(0);
        await page.Context.CloseAsync();
    }

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_page_can_be_read(int width, ColorScheme colors)
    {
        await using var server = await TinyServer.Start();
        var (page, errors) = await browser.OpenAsync(server.Client.BaseAddress!, width, width < 500 ? 844 : 900, colors);
        await page.GotoAsync("/");
        await PageCheck.Look(page, "chat-empty", colors);
        await page.Locator("#open-settings").ClickAsync();
        await page.Locator("#shade").CheckAsync();
        await page.Locator("#raw").CheckAsync(); // An untrained model may write anything, Markdown too.
        await PageCheck.Look(page, "chat-settings", colors);
        await page.Locator("#open-settings").ClickAsync();
        foreach (var text in (string[])["Name a fruit.", "And a colour.", new string('x', 300)])
        {
            var count = await page.Locator(".assistant").CountAsync();
            await Say(page, text);
            await Assertions.Expect(page.Locator(".assistant")).ToHaveCountAsync(count + 1);
            await Assertions.Expect(page.Locator(".assistant .text").Last)
                .ToHaveAttributeAsync("tabindex", "0", new LocatorAssertionsToHaveAttributeOptions { Timeout = 30_000 });
        }

        await PageCheck.Look(page, "chat", colors);
        Assert.Empty(errors);
        await page.GotoAsync("/nothing");
        await PageCheck.Look(page, "chat-not-found", colors);
        await page.Context.CloseAsync();
    }

    public static TheoryData<int, ColorScheme> Screens => PageCheck.Screens;

    private async Task<(IPage Page, List<string> Errors)> Open(TinyServer server)
    {
        var opened = await browser.OpenAsync(server.Client.BaseAddress!);
        await opened.Page.GotoAsync("/");
        await Assertions.Expect(opened.Page.Locator("#model option")).ToHaveTextAsync(["tiny", "other"]);
        return opened;
    }

    private static async Task Say(IPage page, string text)
    {
        await page.Locator("#message").FillAsync(text);
        await page.Locator("#message").PressAsync("Enter");
    }

    /// <summary>Answers the page's requests with the model's name.</summary>
    private static Task StubByModel(IPage page) => page.RouteAsync("**/v1/chat/completions", route => route.FulfillAsync(new RouteFulfillOptions
    {
        ContentType = "text/event-stream",
        Body = $$$"""data: {"choices": [{"index": 0, "delta": {"content": "I am {{{ModelOf(route.Request)}}}."}, "finish_reason": "stop"}]}"""
            + "\n\ndata: [DONE]\n\n",
    }));

    private static string ModelOf(IRequest request) => JsonDocument.Parse(request.PostData!).RootElement.GetProperty("model").GetString()!;

    /// <summary>Answers the page's requests with these tokens instead of a model's.</summary>
    private static Task Stub(IPage page, params (string Text, double LogProbability, int[] Bytes)[] tokens) =>
        page.RouteAsync("**/v1/chat/completions", route =>
    {
        var events = tokens.Select(token => JsonSerializer.Serialize(new
        {
            choices = new[]
            {
                new
                {
                    index = 0,
                    delta = new { content = token.Text },
                    logprobs = new { content = new[]
                    {
                        new { token = token.Text, logprob = token.LogProbability, bytes = token.Bytes, top_logprobs = Array.Empty<object>() },
                    } },
                    finish_reason = (string?)null,
                },
            },
        }));
        return route.FulfillAsync(
            new RouteFulfillOptions
            {
                ContentType = "text/event-stream",
                Body = string.Concat(events.Select(item => $"data: {item}\n\n")) + "data: [DONE]\n\n",
            });
    });
}

/// <summary>A fact that needs a browser and a model that writes English; skipped, and says so, where one of them is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class PictureFactAttribute : BrowserFactAttribute
{
    public PictureFactAttribute()
    {
        if (!Directory.Exists(StoriesFactAttribute.Model))
        {
            Skip ??= $"{StoriesFactAttribute.Model} is absent";
        }
    }
}
