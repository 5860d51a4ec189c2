using System.Text.RegularExpressions;
using System.Xml.Linq;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

public sealed class RunReportTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_whole_run_has_every_part()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        foreach (var part in new[] { "summary", "figures", "example", "learned", "trust", "frontier", "answers", "curves", "ledger", "lineage", "data", "setup" })
        {
            Assert.Contains($"<section id=\"{part}\">", page, StringComparison.Ordinal);
        }

        KeepForAPerson(page);
    }

    [Fact]
    public void The_summary_comes_first_and_names_the_reward_hack()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        var lead = page.IndexOf("PPO raised the held-out score by 1.71 [1.58, 1.84] (from 0.06 to 1.77) at a KL of 5.51 nats.", StringComparison.Ordinal);
        var hack = page.IndexOf("<strong>Warning</strong> Reward hack: &quot;indeed&quot; stands in 97 %", StringComparison.Ordinal);
        Assert.InRange(lead, 0, hack);
        Assert.InRange(hack, lead, page.IndexOf("id=\"figures\"", StringComparison.Ordinal));
    }

    [Fact]
    public void Hostile_texts_change_neither_markup_nor_direction_and_hide_nothing()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        Assert.DoesNotContain("<script", page, StringComparison.OrdinalIgnoreCase);
        Assert.DoesNotContain("<b>the same", page, StringComparison.Ordinal);
        Assert.Contains("&lt;script&gt;alert(&#39;x&#39;)&lt;/script&gt; &quot;onmouseover=&quot; &amp; ⟨U+202E⟩gnp.exe⟨U+202C⟩ a⟨U+200B⟩b⟨U+0000⟩c ", page,
            StringComparison.Ordinal);
        Assert.DoesNotMatch("[\u0000-\u0008\u000b-\u001f\u200b-\u200f\u202a-\u202e\u2066-\u2069\ufeff\ud800-\udfff]", page);
    }

    [Fact]
    public void One_prompt_is_followed_through_all_steps_and_its_ranking_stands_in_the_papers_notation()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var example = WellFormed(RunReport.Render(_folder.Path)).Descendants("section").Single(section => (string?)section.Attribute("id") == "example");
        var steps = example.Descendants("li").Select(step => step.Value).ToArray();
        Assert.Equal(4, steps.Length);
        Assert.Contains("It is 3.score +0.10", steps[0], StringComparison.Ordinal);
        Assert.Contains("D > C = A > B", steps[1], StringComparison.Ordinal);
        Assert.Contains("by ann", steps[1], StringComparison.Ordinal);
        Assert.Contains("Dscore +1.90Cscore +0.50Ascore +0.40Bscore -2.10", steps[2], StringComparison.Ordinal);
        Assert.Contains("5 of 5 pairs", steps[2], StringComparison.Ordinal);
        Assert.Contains("It is indeed 4.score +2.40", steps[3], StringComparison.Ordinal);
        Assert.Contains("cut at the limit", steps[3], StringComparison.Ordinal);
    }

    [Fact]
    public void A_ranking_of_answers_that_are_not_there_is_no_example()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var summary = SummaryFiles.ReadRun(_folder.Path);
        SummaryFiles.WriteRun(_folder.Path, summary with
        {
            Stages = [.. summary.Stages.Select(
                stage => stage.Example is { Ranking: not null } own ? stage with { Example = own with { Ranking = [[7], [0]] } } : stage)],
        });
        Assert.DoesNotContain("id=\"example\"", RunReport.Render(_folder.Path), StringComparison.Ordinal);
    }

    [Fact]
    public void The_page_is_well_formed_and_every_drawing_has_a_title_and_a_description()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var body = WellFormed(RunReport.Render(_folder.Path));
        var drawings = body.Descendants("svg").ToArray();
        Assert.InRange(drawings.Length, 20, 60);
        Assert.All(drawings, drawing => Assert.NotEqual("", drawing.Element("title")!.Value));
        Assert.All(drawings, drawing => Assert.NotEqual("", drawing.Element("desc")!.Value));
    }

    [Fact]
    public void The_page_loads_nothing_and_runs_no_script()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        Assert.Contains("default-src 'none'", page, StringComparison.Ordinal);
        Assert.DoesNotMatch(
            new Regex("\\s(src|onclick|onload)=|@import|url\\(|http", RegexOptions.IgnoreCase), page.Replace("http-equiv", "", StringComparison.Ordinal));
    }

    [Fact]
    public void A_run_of_sft_alone_has_only_its_parts()
    {
        SummaryFiles.WriteStage(Directory.CreateDirectory(_folder.PathOf("stages", "01-sft")).FullName, MadeUpRun.Sft());
        var page = RunReport.Render(_folder.Path);
        Assert.Contains("SFT lowered the held-out loss from 4.462 to 1.996 nats per token.", page, StringComparison.Ordinal);
        foreach (var part in new[] { "learned", "trust", "frontier", "answers", "curves", "ledger", "setup" })
        {
            Assert.DoesNotContain($"id=\"{part}\"", page, StringComparison.Ordinal);
        }

        WellFormed(page);
    }

    [Fact]
    public void A_run_under_way_has_its_curves()
    {
        MadeUpRun.WriteMetrics(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        Assert.Contains("04-ppo <small>unfinished", page, StringComparison.Ordinal);
        WellFormed(page);
    }

    [Fact]
    public void In_a_finished_run_nothing_is_unfinished_and_the_model_that_only_checks_belongs_to_its_stage()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        Assert.DoesNotContain("unfinished", page, StringComparison.Ordinal);
        Assert.Contains("<summary>03-reward: the model that only checks</summary>", page, StringComparison.Ordinal);
        // Its charts are called as those of the first one.
        Assert.DoesNotContain("second loss", page, StringComparison.Ordinal);
        Assert.DoesNotContain("second tokens per second", page, StringComparison.Ordinal);
        Assert.Equal(3, Regex.Count(page, "<figcaption>Loss "));
    }

    [Fact]
    public void Every_figure_and_metric_is_named_in_words()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var summary = SummaryFiles.ReadRun(_folder.Path);
        string[] names =
        [
            .. summary.Stages.SelectMany(stage => stage.Figures.Keys),
            .. MetricsFile.Read(_folder.Path).SelectMany(row => row.Values.Keys),
            "second_validation_loss",
            "second_gradient_norm",
            "train_loss",
            "gold_gain",
        ];
        Assert.All(names.Distinct(), name =>
        {
            Assert.NotEqual("", MetricCatalogue.Of(name).Meaning);
            Assert.DoesNotContain('_', MetricCatalogue.Of(name).Name);
        });
        Assert.Equal("speed of the second model", MetricCatalogue.Of("second_tokens_per_second").Name);
    }

    [Fact]
    public void Whole_paths_are_shortened()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        Assert.DoesNotContain("/home/somebody", page, StringComparison.Ordinal);
        Assert.DoesNotContain("Users", page, StringComparison.Ordinal);
        Assert.Contains("data/rows.jsonl", page, StringComparison.Ordinal);
        Assert.DoesNotContain(_folder.Path, page, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("see /home/me/data/rows.jsonl:3:1", "see …/rows.jsonl:3:1")]
    [InlineData("path: [\"/a/b c/d.jsonl\", ~/x/y.txt]", "path: [\"…/b c/d.jsonl\", …/y.txt]")]
    [InlineData("C:\\Users\\me\\model", "…/model")]
    [InlineData("https://host/v1/chat, nats/token, 3/4, ../shared/data, runs/mine/model, </b></i>",
        "https://host/v1/chat, nats/token, 3/4, ../shared/data, runs/mine/model, </b></i>")]
    public void Only_the_ends_of_whole_paths_are_shown(string text, string expected) => Assert.Equal(expected, Rlhf.Reports.Page.PathText.Shorten(text));

    [Theory]
    [InlineData("/home/me/my data/rows.jsonl", "…/my data/rows.jsonl")]
    [InlineData("C:\\me\\data\\rows.jsonl", "…/data/rows.jsonl")]
    [InlineData("data/rows.jsonl", "data/rows.jsonl")]
    [InlineData("01-sft", "01-sft")]
    public void A_file_is_known_by_its_name_and_folder(string path, string expected) => Assert.Equal(expected, Rlhf.Reports.Page.PathText.Of(path));

    [Fact]
    public void Only_what_one_looks_at_first_stands_open_and_charts_that_do_not_move_come_last()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var page = RunReport.Render(_folder.Path);
        var curves = WellFormed(page).Descendants("section").Single(section => (string?)section.Attribute("id") == "curves");
        var open = curves.Elements("div").Single(div => (string?)div.Attribute("class") == "charts").Elements("figure")
            .Select(figure => figure.Element("figcaption")!.Value).ToArray();
        Assert.Equal(4, open.Length);
        Assert.StartsWith("Score", open[0], StringComparison.Ordinal);
        // The share of different answers is 1 all along, yet stands beside one that moves; these do not move at all.
        Assert.DoesNotContain(
            open, title => title.StartsWith("KL coefficient", StringComparison.Ordinal) || title.StartsWith("Learning rate", StringComparison.Ordinal));
        var all = curves.Descendants("figure").Select(figure => figure.Element("figcaption")!.Value).ToList();
        var ofPpo = all.Skip(all.IndexOf(open[0])).ToList();
        Assert.True(
            ofPpo.FindIndex(title => title.StartsWith("Learning rate", StringComparison.Ordinal)) > ofPpo.FindIndex(
                title => title.StartsWith("Seconds of a step", StringComparison.Ordinal)));
    }

    [Fact]
    public void A_tower_of_combining_marks_is_cut()
    {
        Assert.Equal("a" + new string('\u0301', 6) + "⟨4994 combining marks⟩b", VisibleText.Escape("a" + new string('\u0301', 5000) + "b"));
        Assert.Equal("Tiếng Việt, हिन्दी, עִבְרִית", VisibleText.Escape("Tiếng Việt, हिन्दी, עִבְרִית"));
    }

    [Fact]
    public void A_folder_without_a_run_is_an_error_that_says_so()
    {
        Assert.Contains("no run in this folder", Assert.Throws<InputException>(() => RunReport.Render(_folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("no such folder", Assert.Throws<InputException>(() => RunReport.Render(_folder.PathOf("absent"))).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_broken_file_is_an_error_with_its_place()
    {
        MadeUpRun.WriteTo(_folder.Path);
        File.WriteAllText(_folder.PathOf("environment.json"), "{\n \"a\": ]");
        Assert.Contains("environment.json:2:", Assert.Throws<InputException>(() => RunReport.Render(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("\"truncated\\ud800\":1")]
    [InlineData("\"stage\":\"\\udc00\"")]
    public void A_ledger_that_is_not_Unicode_is_an_error_with_its_file(string entry)
    {
        MadeUpRun.WriteTo(_folder.Path);
        var ledger = Directory.EnumerateFiles(_folder.Path, "ledger.json", SearchOption.AllDirectories).First();
        File.WriteAllText(ledger, File.ReadAllText(ledger).TrimEnd()[..^1] + "," + entry + "}");
        Assert.Contains(
            "ledger.json: a text is not valid Unicode", Assert.Throws<InputException>(() => RunReport.Render(_folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void The_report_is_written_into_the_run_folder_or_where_asked()
    {
        MadeUpRun.WriteTo(_folder.Path);
        Assert.Equal(_folder.PathOf("report.html"), RunReport.Write(_folder.Path));
        Assert.Equal(RunReport.Render(_folder.Path), File.ReadAllText(_folder.PathOf("report.html")));
        RunReport.Write(_folder.Path, _folder.PathOf("other.html"));
        Assert.True(File.Exists(_folder.PathOf("other.html")));
    }

    [Fact]
    public void A_summary_comes_back_as_it_was_written()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var first = File.ReadAllText(_folder.PathOf("summary.json"));
        SummaryFiles.WriteRun(_folder.Path, SummaryFiles.ReadRun(_folder.Path));
        Assert.Equal(first, File.ReadAllText(_folder.PathOf("summary.json")));
        Assert.Contains("\"validation_loss\"", first, StringComparison.Ordinal);
        Assert.Contains("\"score_low\"", first, StringComparison.Ordinal);
        Assert.DoesNotContain("null", first, StringComparison.Ordinal);
    }

    [Fact]
    public void The_final_tables_show_quality_figures_answers_and_the_verdict()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var text = TablesOf(SummaryFiles.ReadRun(_folder.Path));
        Assert.Contains("SFT               +0.06  [-0.05, 0.17]", text, StringComparison.Ordinal);
        Assert.Contains("PPO               +1.77  [1.70, 1.83]", text, StringComparison.Ordinal);
        Assert.Contains("pair accuracy", text, StringComparison.Ordinal);
        Assert.Contains("  PPO:   When is the world is indeed indeed a park. (+1.70)", text, StringComparison.Ordinal);
        Assert.Contains("Warning: Reward hack:", text, StringComparison.Ordinal);
        Assert.DoesNotMatch("[\u0000-\u0008\u000b-\u001f\u202a-\u202e\u200b]", text.Replace("\r", "", StringComparison.Ordinal));
    }

    [Fact]
    public void Scores_of_several_rounds_are_said_not_to_compare()
    {
        MadeUpRun.WriteTo(_folder.Path);
        var one = SummaryFiles.ReadRun(_folder.Path);
        Assert.DoesNotContain("do not compare", TablesOf(one), StringComparison.Ordinal);
        Assert.DoesNotContain("do not compare", RunReport.Render(_folder.Path), StringComparison.Ordinal);

        var two = one with { Stages = [.. one.Stages, one.Stages.Last(stage => stage.Kind == "ppo") with { Name = "07-ppo-2", Round = 2 }] };
        SummaryFiles.WriteRun(_folder.Path, two);
        Assert.Contains("do not compare", TablesOf(two), StringComparison.Ordinal);
        Assert.Contains("do not compare", RunReport.Render(_folder.Path), StringComparison.Ordinal);
    }

    private static string TablesOf(RunSummary summary)
    {
        var output = new StringWriter();
        FinalTables.Write(output, summary, answers: 4);
        return output.ToString();
    }

    // The page is written as XML would have it, apart from the doctype and the two kinds of void element in its head.
    private static XElement WellFormed(string page)
    {
        var head = page.IndexOf("<body>", StringComparison.Ordinal);
        return XElement.Parse(page[head..page.LastIndexOf("</html>", StringComparison.Ordinal)]);
    }

    // RLHF_KEEP_REPORT=FILE keeps the made-up report for looking at it.
    private static void KeepForAPerson(string page)
    {
        if (Environment.GetEnvironmentVariable("RLHF_KEEP_REPORT") is { Length: > 0 } file)
        {
            File.WriteAllText(file, page);
        }
    }
}
