using System.Collections.Concurrent;
using System.Diagnostics;
using System.Text.RegularExpressions;
using Microsoft.Playwright;
using Rlhf.Cli;
using Rlhf.Reports;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Watching;

/// <summary>A real run in a process of its own, watched and stopped in a browser.</summary>
[Collection(BrowserTests.Name)]
public sealed partial class WatchWalkTests(Browser browser) : IDisposable
{
    private const string Recipe = """
        name: long
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 400}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 60, prompts: 30, evaluation_prompts: 4, texts: 20}
          demonstrations: {}
          prompts: {}
          evaluation_prompts: {}
        sft: {epochs: 1, batch: 8, learning_rate: 1e-3, keep_best: none, limits: {on_overlong: drop}}
        collect: {labeler: gold, answers_per_prompt: 3, max_prompts: 12, max_new_tokens: 8, limits: {on_overlong: drop}}
        reward: {batch: 2, learning_rate: 1e-3, ties: half, limits: {on_overlong: drop}}
        ppo: {steps: 1000000, rollouts_per_step: 8, minibatch: 4, max_new_tokens: 8, learning_rate: 1e-5, evaluation_samples: 1, evaluate_every: 0, checkpoint_every: 0, limits: {on_overlong: drop}}
        """;

    private readonly DirectoryInfo _place = Directory.CreateTempSubdirectory("rlhf-walk-");
    private Process? _process;

    private string Run => Path.Combine(_place.FullName, "run");

    public void Dispose()
    {
        if (_process is { HasExited: false })
        {
            _process.Kill();
            _process.WaitForExit();
        }

        _place.Delete(recursive: true);
    }

    private ConcurrentQueue<string> Start(params string[] arguments)
    {
        var start = new ProcessStartInfo("dotnet") { RedirectStandardError = true, RedirectStandardOutput = true };
        foreach (var argument in (string[])[typeof(ExitCode).Assembly.Location, "run", .. arguments, "--out", Run])
        {
            start.ArgumentList.Add(argument);
        }

        start.Environment["RLHF_THREADS"] = "1";
        var lines = new ConcurrentQueue<string>();
        _process = Process.Start(start)!;
        _process.ErrorDataReceived += (_, line) => lines.Enqueue(line.Data ?? "");
        _process.BeginErrorReadLine();
        _process.BeginOutputReadLine();
        return lines;
    }

    private static async Task<string> Said(ConcurrentQueue<string> lines, Regex wanted)
    {
        for (var tries = 0; tries < 600; tries++)
        {
            if (lines.Select(line => wanted.Match(line)).FirstOrDefault(match => match.Success) is { } found)
            {
                return found.Groups[1].Value;
            }

            await Task.Delay(100);
        }

        throw new TimeoutException(string.Join('\n', lines));
    }

    [BrowserFact]
    public async Task A_run_is_followed_stopped_by_the_button_and_goes_on_from_its_checkpoint()
    {
        var recipe = Path.Combine(_place.FullName, "long.yaml");
        await File.WriteAllTextAsync(recipe, Recipe);
        var lines = Start(recipe, "--watch");
        var link = new Uri(await Said(lines, OwnersLink()));
        var (page, errors) = await browser.OpenAsync(new Uri(link, "/"));
        page.SetDefaultTimeout(60_000);
        await page.GotoAsync(link.ToString());
        await Assertions.Expect(page.Locator(".facts")).ToContainTextAsync("04-ppo:", new() { Timeout = 60_000 });
        await Assertions.Expect(page.Locator(".stages .complete")).ToHaveCountAsync(3, new() { Timeout = 60_000 });
        await Assertions.Expect(page.Locator(".sample").First).ToBeVisibleAsync();
        await Assertions.Expect(page.Locator("figure.chart:visible").First).ToContainTextAsync("Score", new() { Timeout = 60_000 });

        await page.GetByRole(AriaRole.Button, new() { Name = "Stop …" }).ClickAsync();
        await page.GetByRole(AriaRole.Button, new() { Name = "Stop after the next checkpoint" }).ClickAsync();
        Assert.True(_process!.WaitForExit(60_000));
        Assert.Equal(ExitCode.Failed, _process.ExitCode);
        await Said(lines, new Regex("(go on with: rlhf run --resume)"));
        Assert.NotEmpty(Directory.GetDirectories(Path.Combine(Run, "stages", "04-ppo", "checkpoints"), "step-*"));
        await Assertions.Expect(page.Locator("#connection")).ToContainTextAsync("does not answer");
        Assert.All(errors, error => Assert.Contains("ERR_", error, StringComparison.Ordinal)); // the server has ended with the run
        await page.Context.CloseAsync();

        lines = Start("--resume");
        await Said(lines, new Regex("(going on from the checkpoint of step)"));
        StopRequest.Make(Run);
        Assert.True(_process.WaitForExit(60_000));
        Assert.Equal((ExitCode.Failed, RunState.Stopped), (_process.ExitCode, RunStatus.Read(Run)!.State));
    }

    [GeneratedRegex(@"watch at (http://127\.0\.0\.1:\d+/open\?token=\S+) \(the owner")]
    private static partial Regex OwnersLink();
}
