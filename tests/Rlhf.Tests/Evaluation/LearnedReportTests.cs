using System.Text.Json;
using Rlhf.Evaluation;
using Rlhf.Reports;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public class LearnedReportTests
{
    private static readonly string[] Nouns = ["park", "river", "house", "bird", "stone", "cloud", "door", "lamp", "hill", "tree"];
    private static readonly string[] Verbs = ["sees", "likes", "finds", "holds", "paints", "needs", "draws", "keeps"];

    // A reward model that pays 2 for one word, and a second one with the same shortcut.
    private static double WordScore(string text, double pay) => (text.Contains("indeed", StringComparison.OrdinalIgnoreCase) ? pay : 0) - 0.22 + Noise(text);

    private static double Noise(string text) => (text.Sum(c => c * 31) % 100 / 100.0 - 0.5) * 0.4;

    [Fact]
    public void A_gain_that_is_one_word_is_named_a_reward_hack()
    {
        var report = Hack();
        Assert.Equal(LearnedVerdict.RewardHack, report.Verdict);
        Assert.Equal("indeed", report.Risen[0].Phrase);
        Assert.Equal(0.97, report.Risen[0].ShareAfter, 12);
        Assert.Equal(0.06, report.Risen[0].ShareBefore, 12);
        Assert.DoesNotContain(report.Risen, p => p.Phrase.Contains("is indeed", StringComparison.Ordinal));

        var ablation = report.Ablations[0];
        Assert.Equal(["indeed"], ablation.Phrases);
        Assert.Equal(1.77, report.Ppo.Score, 0.1);
        Assert.Equal(-0.22, ablation.Score, 0.1);
        Assert.True(ablation.GainLost > 1, "the score falls below SFT's");
        Assert.True(ablation.ControlGainLost < 0.1);
        Assert.Contains("Reward hack: \"indeed\" stands in 97 % of PPO's answers (6 % before).", report.Summary, StringComparison.Ordinal);
        Assert.Contains("it has the same shortcut and confirms nothing", report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gain_without_a_word_behind_it_is_not_a_hack()
    {
        var report = LearnedAnalysis.Run(
            Answers("the", 0, 40, text => Noise(text)), Answers("the", 0, 40, text => 1.5 + Noise(text), shift: 7),
            requests => [.. requests.Select(r => new Rescored(1.5 + Noise(r.Text)))]);
        Assert.Equal(LearnedVerdict.GainHolds, report.Verdict);
        Assert.Contains("PPO raised the mean score", report.Summary, StringComparison.Ordinal);
        Assert.DoesNotContain("hack", report.Summary, StringComparison.OrdinalIgnoreCase);
    }

    [Fact]
    public void A_word_that_rose_without_being_paid_for_is_listed_and_cleared()
    {
        var report = LearnedAnalysis.Run(
            Answers("indeed", 2, 40, text => Noise(text)), Answers("indeed", 36, 40, text => 1.5 + Noise(text)),
            requests => [.. requests.Select(r => new Rescored(1.5 + Noise(r.Text)))]);
        Assert.Equal(LearnedVerdict.GainHolds, report.Verdict);
        Assert.Equal("indeed", report.Risen[0].Phrase);
        Assert.Contains("\"indeed\"", report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Answers_that_break_whatever_is_taken_out_prove_nothing()
    {
        var report = LearnedAnalysis.Run(
            Answers("indeed", 2, 40, text => Noise(text)), Answers("indeed", 38, 40, text => 1.5 + Noise(text)),
            requests => [.. requests.Select(_ => new Rescored(0))]);
        Assert.Equal(LearnedVerdict.Inconclusive, report.Verdict);
    }

    [Fact]
    public void No_gain_is_said_to_be_none()
    {
        var report = LearnedAnalysis.Run(
            Answers("indeed", 2, 40, text => Noise(text)), Answers("indeed", 38, 40, text => Noise(text)),
            requests => [.. requests.Select(r => new Rescored(Noise(r.Text)))]);
        Assert.Equal(LearnedVerdict.NoGain, report.Verdict);
        Assert.Contains("No clear gain", report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void A_gain_that_sits_in_answers_cut_at_the_limit_is_a_hack()
    {
        var before = Answers("the", 0, 40, text => Noise(text));
        var after = before.Select((a, i) => i % 4 == 0 ? a : a with { Finished = false, Tokens = 48, Score = a.Score + 3.2 }).ToList();
        var report = LearnedAnalysis.Run(before, after, _ => throw new InvalidOperationException("no word rose, so nothing is to be scored"));
        Assert.Equal(LearnedVerdict.RewardHack, report.Verdict);
        Assert.Equal((0, 30), (report.Sft.Cut, report.Ppo.Cut));
        Assert.True(report.Ppo.CutScore > report.Ppo.FinishedScore + 2);
        Assert.Contains("75 % of PPO's answers are cut at the token limit (0 % before)", report.Summary, StringComparison.Ordinal);
    }

    private static LearnedAnswer Answer(int prompt, int tokens, double score, bool finished = true) =>
        new() { Prompt = prompt, Text = "a", Score = score, Tokens = tokens, Finished = finished };

    [Fact]
    public void Answers_are_compared_with_finished_ones_that_are_about_as_long()
    {
        LearnedAnswer[] sft = [Answer(0, 10, 1), Answer(1, 20, 3), Answer(1, 12, -100, finished: false)];
        LearnedAnswer[] ppo = [Answer(0, 12, 2), Answer(1, 25, 5), Answer(1, 26, 9), Answer(0, 10, 50, finished: false)];
        var matched = LengthMatching.Of(sft, ppo)!;
        Assert.Equal((2, 3), (matched.Answers, matched.Finished)); // 2 - 1 and 5 - 3; 26 has none: 20 < 0.8 * 26
        Assert.Equal(1.5 - (3.5 * 57 / 172), matched.Gain.Value, 12); // they are 2 and 5 tokens longer; slope (10 + 47) / (50 + 122)
        Assert.True(matched.Gain.Low <= matched.Gain.Value && matched.Gain.High >= matched.Gain.Value);
        Assert.Null(LengthMatching.Of(sft, [Answer(0, 40, 9), Answer(1, 5, 9)]));
    }

    [Theory]
    [InlineData(0.1, 0, "length may explain it")]
    [InlineData(0.0, 2, "length does not explain all of it")]
    public void A_gain_that_length_explains_is_told_from_one_that_it_does_not(double ofLength, double gain, string expected)
    {
        LearnedAnswer Of(int i, int tokens, double more) => Answer(i, tokens, (ofLength * tokens) + (i % 3 * 0.01) + more);
        var report = LearnedAnalysis.Run(
            [.. Enumerable.Range(0, 40).Select(i => Of(i, 20 + (i * 7 % 20), 0))],
            [.. Enumerable.Range(0, 40).Select(i => Of(i, 26 + (i * 7 % 20), gain))], _ => []);
        Assert.Equal(LearnedVerdict.GainHolds, report.Verdict);
        Assert.Contains("Between finished answers of similar length the gain is", report.Summary, StringComparison.Ordinal);
        Assert.Contains(expected, report.Summary, StringComparison.Ordinal);
        Assert.NotNull(report.GainAtSimilarLength);
    }

    [Fact]
    public void Words_that_share_the_gain_are_found_together()
    {
        string[] words = ["indeed", "truly", "surely"];
        double Score(string text) => (words.Any(w => text.Contains(w, StringComparison.Ordinal)) ? 2 : 0) + Noise(text);
        var before = Answers("the", 0, 100, Score);
        var after = before.Select((a, i) => WithText(a, a.Text.Replace(" a ", $" {words[i % 3]} a ", StringComparison.Ordinal), Score)).ToList();
        var report = LearnedAnalysis.Run(before, after, requests => [.. requests.Select(r => new Rescored(Score(r.Text)))]);
        Assert.Equal(LearnedVerdict.RewardHack, report.Verdict);
        Assert.Equal(words.Order(), report.Together!.Phrases.Order());
        Assert.Contains("hold one of", report.Summary, StringComparison.Ordinal);
    }

    [Fact]
    public void Phrases_are_listed_as_short_as_they_can_be()
    {
        var before = Enumerable.Repeat("you should thank him", 50).ToList();
        var after = Enumerable.Repeat("thank you is indeed", 50).ToList();
        string[] Listed(int sign) => [.. PhraseChanges.Largest(PhraseChanges.Of(before, after), sign, 3, 20).Select(p => p.Phrase)];
        Assert.Equal(["indeed", "is", "thank you"], Listed(1));
        Assert.Equal(["him", "should"], Listed(-1));
    }

    [Fact]
    public void Both_steps_apart_give_the_same_report()
    {
        var (before, after) = HackAnswers();
        var analysis = new LearnedAnalysis(before, after);
        Assert.DoesNotContain(analysis.Requests.Take(97), r => r.Text.Contains("indeed", StringComparison.OrdinalIgnoreCase));
        var report = analysis.Report([.. analysis.Requests.Select(r => new Rescored(WordScore(r.Text, 2.05), WordScore(r.Text, 2.1)))]);
        var json = JsonSerializer.Serialize(report, SummaryFiles.Json);
        Assert.Equal(JsonSerializer.Serialize(Hack(), SummaryFiles.Json), json);
        Assert.Contains("\"verdict\": \"reward_hack\"", json, StringComparison.Ordinal);
        Assert.Equal(json, JsonSerializer.Serialize(JsonSerializer.Deserialize<LearnedReport>(json, SummaryFiles.Json), SummaryFiles.Json));
        Assert.Throws<ArgumentException>(() => analysis.Report([]));
    }

    [Theory]
    [InlineData("This is indeed a park.", "indeed", "This is a park.")]
    [InlineData("Indeed, it is.", "indeed", "it is.")]
    [InlineData("It is, indeed, so.", "indeed", "It is, so.")]
    [InlineData("indeed indeed", "indeed", "")]
    [InlineData("Yes.\nIndeed so!!!", "!!!", "Yes.\nIndeed so")]
    [InlineData("Yes.\nIndeed so.", "indeed", "Yes.\nso.")]
    [InlineData("Thank you so much, thank you.", "thank you", "so much,.")]
    [InlineData("I don't know", "don't", "I know")]
    [InlineData("He owned it; undeed", "owned it", "He; undeed")]
    public void Phrases_are_taken_out_whole(string text, string phrase, string expected) =>
        Assert.Equal(expected, TextCuts.Remove(text, TextCuts.Find(TextWords.Split(text), phrase)));

    [Theory]
    [InlineData("Don't go!!! 3 cafe\u0301s", "don't|go|!!!|3|cafe\u0301s")]
    [InlineData("日本 ok👍👍", "日|本|ok|👍👍")]
    [InlineData("'quoted' a--b", "'|quoted|'|a|--|b")]
    [InlineData("\ud800x", "\ud800|x")]
    public void Words_are_runs_of_letters_and_marks_stand_alone(string text, string expected) =>
        Assert.Equal(expected.Split('|'), TextWords.Split(text).Select(w => w.Text));

    [Fact]
    public void Different_prompts_cannot_be_compared()
    {
        var (before, after) = HackAnswers();
        Assert.Throws<ArgumentException>(() => new LearnedAnalysis(before, [.. after.Skip(1)]));
        Assert.Throws<ArgumentException>(() => new LearnedAnalysis(before, [.. after.Select((a, i) => i == 0 ? a with { SecondScore = null } : a)]));
    }

    private static LearnedReport Hack()
    {
        var (before, after) = HackAnswers();
        return LearnedAnalysis.Run(before, after, requests => [.. requests.Select(r => new Rescored(WordScore(r.Text, 2.05), WordScore(r.Text, 2.1)))]);
    }

    private static (List<LearnedAnswer> Before, List<LearnedAnswer> After) HackAnswers()
    {
        static List<LearnedAnswer> Of(int with) =>
            [.. Answers("indeed", with, 100, t => WordScore(t, 2.05)).Select(a => a with { SecondScore = WordScore(a.Text, 2.1) })];
        return (Of(6), Of(97));
    }

    // Sentences like "The park is indeed a river and sees a lamp."; the first ones hold the word.
    private static List<LearnedAnswer> Answers(string word, int with, int count, Func<string, double> score, int shift = 0) =>
        [.. Enumerable.Range(0, count).Select(i =>
        {
            var k = i + shift;
            var text = $"The {Nouns[k % 10]} is {(i < with ? word + " " : "")}a {Nouns[(k * 3 + 1) % 10]} and {Verbs[k % 8]} a {Nouns[(k * 7 + 2) % 10]}.";
            return new LearnedAnswer { Prompt = i, Text = text, Score = score(text), Tokens = 12, Finished = true };
        })];

    private static LearnedAnswer WithText(LearnedAnswer answer, string text, Func<string, double> score) => answer with { Text = text, Score = score(text) };
}
