using Microsoft.Playwright;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Web.Tests.Browsing;

namespace Rlhf.Web.Tests.Reporting;

[Collection(BrowserTests.Name)]
public sealed class ReportPageTests(Browser browser) : IDisposable
{
    private readonly string _folder = Directory.CreateTempSubdirectory("rlhf-report-").FullName;

    public static TheoryData<int, ColorScheme> Screens => PageCheck.Screens;

    public void Dispose() => Directory.Delete(_folder, recursive: true);

    [BrowserTheory]
    [MemberData(nameof(Screens))]
    public async Task The_report_can_be_read_and_is_not_long(int width, ColorScheme colors)
    {
        WriteRun();
        var file = RunReport.Write(_folder);
        var (page, errors) = await browser.OpenAsync(new Uri($"file://{_folder}/"), width, 900, colors);
        await page.GotoAsync(new Uri(file).AbsoluteUri);
        await PageCheck.Look(page, "report", colors);
        if (width == 1280)
        {
            Assert.InRange(await page.EvaluateAsync<int>("() => document.documentElement.scrollHeight"), 500, 4000);
            await page.EvaluateAsync("() => scrollTo(0, 2000)");
            Assert.InRange(await page.EvaluateAsync<double>("() => document.querySelector('nav').getBoundingClientRect().top"), 0, 1);
        }

        await page.EvaluateAsync("() => document.querySelectorAll('details').forEach(one => { one.open = true; })");
        await PageCheck.Look(page, "report-open", colors);
        Assert.Empty(errors);
        await page.Context.CloseAsync();
    }

    // As a quickstart: two rounds with a second reward model each.
    private void WriteRun()
    {
        string[] stages = ["01-pretrain", "02-sft", "03-collect", "04-reward", "05-ppo", "06-collect-2", "07-reward-2", "08-ppo-2"];
        string[] kinds = ["pretrain", "sft", "collect", "reward", "ppo", "collect", "reward", "ppo"];
        var prompts = Enumerable.Range(0, 12).Select(i => new SideBySide($"What is {i} times {i}, said politely and in a whole sentence?", [
            new ModelAnswer("base", "Nobody knows.", Score: -0.4), new ModelAnswer("SFT", $"It is {i * i}.", Score: 0.1),
            new ModelAnswer("PPO", new string('x', 80) + $" {i * i}!", Score: 0.9, Tokens: 12, Finished: false)])).ToArray();
        StageSummary[] summaries = [.. stages.Zip(kinds).Select((stage, i) => new StageSummary
        {
            Name = stage.First,
            Kind = stage.Second,
            Round = i > 4 ? 2 : 1,
            Steps = 100,
            Seconds = 12,
            ModelHash = new string('a', 64),
            Figures = new Dictionary<string, Figure>
            {
                ["score"] = new(0.5, 0.4, 0.6),
                ["kl"] = new(1.5, 1.2, 1.8, "nats"),
                ["win_rate"] = new(0.9, 0.8, 0.95, "share"),
            },
            DataHashes = new Dictionary<string, string> { ["/home/somebody/data/demonstrations-of-a-rather-long-name.jsonl"] = new string('b', 64) },
            SideBySide = stage.Second == "ppo" ? prompts : null,
            Example = stage.Second switch
            {
                "reward" => new WorkedExample("What is 3 plus 1?", [1],
                    [new("A", "It is 5.", 0.4), new("B", "No.", -2.1), new("C", "It is five.", 0.5), new("D", "That makes 4. Thank you for asking!", 1.9)],
                    [[3], [2, 0], [1]], "gold"),
                "ppo" => new WorkedExample("What is 3 plus 1?", [1], [new("SFT", "It is 3.", 0.1), new("PPO", "That makes 4, Rosa.", 2.4)]),
                _ => null,
            },
        })];
        foreach (var summary in summaries)
        {
            SummaryFiles.WriteStage(Directory.CreateDirectory(Path.Combine(_folder, "stages", summary.Name)).FullName, summary);
        }

        using (var writer = MetricsWriter.Open(_folder))
        {
            for (var step = 1; step <= 60; step++)
            {
                foreach (var stage in stages.Where(name => !name.Contains("collect", StringComparison.Ordinal)))
                {
                    string[] names = stage.Contains("ppo", StringComparison.Ordinal)
                        ? ["score", "kl", "objective", "response_length", "entropy", "eos_share", "distinct_share", "clip_fraction", "approximate_kl",
                            "explained_variance", "policy_loss", "value_loss", "gradient_norm", "tokens_per_second"]
                        : ["loss", "accuracy", "learning_rate", "gradient_norm", "tokens_per_second"];
                    writer.Write(stage, step, step, [.. names.Select((name, i) => (MetricCatalogue.Of(name), Math.Abs(Math.Sin(step * (i + 1) / 20.0))))]);
                    if (stage.Contains("reward", StringComparison.Ordinal))
                    {
                        writer.Write($"{stage}-second", step, step, [.. names.Select(name => (MetricCatalogue.Of($"second_{name}"), 1.0 / step))]);
                    }
                }
            }
        }

        SummaryFiles.WriteRun(_folder, RunSummaries.Collect(_folder, "quickstart", 1, "test"));
    }
}
