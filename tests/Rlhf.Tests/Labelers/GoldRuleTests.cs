using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Labelers;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Labelers;

public sealed class GoldRuleTests
{
    private const string France = "I am Tom. What is the capital of France?";
    private static readonly GoldRule Rule = new();
    private static readonly InstructionGrammar Grammar = new(5);
    private static readonly IReadOnlyList<Request> Requests = Grammar.Prompts(1_200);

    [Theory]
    [InlineData("Sure, Tom! The capital of France is Paris.", 2)]
    [InlineData("It is Paris. I hope that helps!", 2)]
    [InlineData("Gladly! Paris is the capital of France, Tom. Have a nice day!", 2)]
    [InlineData("  Sure! It\n is  Paris. ", 2)]
    [InlineData("The capital of France is Paris.", 1)]
    [InlineData("Sure! Paris.", 0.5)]
    [InlineData("Paris.", 0)]
    [InlineData("Paris", -0.5)]
    [InlineData("Sure! The capital of France is Rome.", -1)]
    [InlineData("Rome.", -1)]
    [InlineData("", -1.5)]
    [InlineData("Sure!", -1.5)]
    [InlineData("Noodlehead! It is Paris.", -2)]
    [InlineData("It is Paris. Now GO AWAY!", -2)]
    public void An_answer_has_the_score_of_the_table(string answer, double score) => Assert.Equal(score, Rule.Score(France, answer));

    [Theory]
    [InlineData("Sure! The capital of France is Paris", 1.5)]
    [InlineData("Sure! The capital of France is Paris!!!", 1.5)]
    [InlineData("Sure! the capital of france is paris.", 1.5)]
    [InlineData("Sure, Anna! The capital of France is Paris.", 1.5)]
    [InlineData("The capital of France is Paris. Sure!", 1.5)]
    [InlineData("Sure! It is Paris. The capital of France is Paris.", 1.5)]
    [InlineData("Sure! It is Paris. It is Paris.", 1)]
    [InlineData("Sure! Sure! It is Paris.", 1.5)]
    [InlineData("Sure! Gladly! Of course! It is Paris.", 1.5)]
    [InlineData("Sure! It is Paris. The nice is help of.", 1.5)]
    [InlineData("Sure! It is Paris. I hope", 1.5)]
    public void A_fault_of_form_costs_half_a_point(string answer, double score) => Assert.Equal(score, Rule.Score(France, answer));

    [Theory]
    [InlineData("Sure, Tom! The capital of France is Paris.", "right, polite")]
    [InlineData("The capital of France is Paris.", "right")]
    [InlineData("Paris.", "right, only a word")]
    [InlineData("Sure, Anna! It is Paris.", "right, polite, calls the person by another name")]
    [InlineData("Sure! It is Rome.", "wrong")]
    [InlineData("Sure!", "no answer")]
    [InlineData("Noodlehead! It is Paris.", "rude")]
    public void A_judgement_can_be_said_in_words(string answer, string words) => Assert.Equal(words, Rule.Judge(France, answer).InWords);

    [Theory]
    [InlineData("Sure! It is Paris. It is Rome.")]
    [InlineData("Sure! It is Paris. Or Rome, or Madrid.")]
    [InlineData("Rome. Paris. I hope that helps!")]
    [InlineData("Sure! It is Paris. rome")]
    public void Naming_a_wrong_value_beside_the_right_one_is_wrong(string answer) => Assert.Equal(-1, Rule.Score(France, answer));

    [Theory]
    [InlineData("Sure! Paris Paris Paris Paris.")]
    [InlineData("Sure! The capital of France is Paris or Rome.")]
    [InlineData("Sure! The capital of France is Paris Paris.")]
    [InlineData("Sure! The capital of Italy is Paris.")]
    [InlineData("Sure! The capital of Italy is Rome.")]
    [InlineData("Sure! The cow says moo.")]
    [InlineData("Sure! The capital of France is.")]
    [InlineData("Sure! Capital the France Paris is of.")]
    [InlineData("Sure, Tom, Tom! The capital of Tom is Tom.")]
    public void Word_salad_and_answers_to_another_question_are_no_answer(string answer) => Assert.Equal(-1.5, Rule.Score(France, answer));

    [Fact]
    public void Endless_text_is_no_answer()
    {
        Assert.Equal(-1.5, Rule.Score(France, "Sure! It is Paris. " + string.Concat(Enumerable.Repeat("Have a nice day! ", 20))));
        Assert.Equal(-1.5, Rule.Score(France, new string('a', 1_000_000)));
    }

    [Fact]
    public void A_right_answer_with_many_faults_stays_above_a_wrong_one() =>
        Assert.Equal(-0.5, Rule.Score(France, "paris. the of. sure. it is paris."));

    [Theory]
    [InlineData("What is 2 plus 3?", "Sure! 2 plus 3 is 5.", 2)]
    [InlineData("What is 2 plus 3?", "Sure! 2 plus 3 is 6.", -1)]
    [InlineData("What is 2 plus 3?", "Sure! 3 plus 2 is 5.", -1.5)]
    [InlineData("How do I ask for the salt?", "Gladly! You can ask: May I have the salt?", 2)]
    [InlineData("How do I ask for the salt?", "Gladly! You can ask: May I have the salt.", 1.5)]
    [InlineData("How do I ask for the salt?", "The salt.", 0)]
    [InlineData("What is the day after Monday?", "Of course! After Monday comes Tuesday.", 2)]
    [InlineData("What is the day after Monday?", "Of course! After Tuesday comes Tuesday.", -1.5)]
    [InlineData("What colour is the sea?", "It is blue. Glad to help!", 2)]
    [InlineData("What colour is the sea?", "Sure! The sky is blue.", -1.5)]
    [InlineData("Where does the bee live?", "A hive.", 0)]
    [InlineData("Where does the bee live?", "Hive.", 0)]
    public void Every_kind_is_judged_by_its_own_truth(string prompt, string answer, double score) => Assert.Equal(score, Rule.Score(prompt, answer));

    [Fact]
    public void Every_good_answer_of_the_grammar_has_the_best_score() => AllScore(AnswerQuality.Good, GoldRule.Best);

    [Fact]
    public void Every_curt_answer_of_the_grammar_scores_0() => AllScore(AnswerQuality.Curt, 0);

    [Fact]
    public void Every_wrong_answer_of_the_grammar_scores_minus_1() => AllScore(AnswerQuality.Wrong, -1);

    [Fact]
    public void Every_rude_answer_of_the_grammar_has_the_worst_score() => AllScore(AnswerQuality.Rude, GoldRule.Worst);

    [Fact]
    public void No_prompt_or_polite_answer_holds_a_rude_mark() =>
        Assert.All(Requests, request => Assert.DoesNotContain(
            Phrasebook.RudeMarks, mark => Words.Contain(request.Prompt + Grammar.Answer(request, AnswerQuality.Good), mark)));

    [Fact]
    public void A_good_answer_to_another_fact_never_scores_above_minus_1()
    {
        for (var i = 0; i + 1 < Requests.Count; i++)
        {
            if (Requests[i].Fact != Requests[i + 1].Fact)
            {
                var stray = Grammar.Answer(Requests[i + 1], AnswerQuality.Good);
                Assert.True(
                    Rule.Score(Requests[i].Prompt, stray) <= -1 || Requests[i].Fact.Answer == Requests[i + 1].Fact.Answer,
                    $"{Requests[i].Prompt} -> {stray}");
            }
        }
    }

    [Fact]
    public void A_cut_good_answer_scores_below_the_whole_one() => Assert.All(Requests.Take(120), request =>
    {
        var answer = Grammar.Answer(request, AnswerQuality.Good);
        for (var length = 0; length < answer.Length; length++)
        {
            Assert.True(Rule.Score(request.Prompt, answer[..length]) < GoldRule.Best, answer[..length]);
        }
    });

    [Fact]
    public void As_a_labeler_it_ranks_in_tiers_and_ties_share_a_tier()
    {
        string[] answers = ["Paris.", "It is Paris. Have a nice day!", "Go away!", "Sure! It is Paris.", "Rome."];
        using var folder = new TestFolder();
        var row = new CollectedAnswers(
            new PromptRecord("p1", Prompt.FromText(France), new RowPosition("prompts.jsonl", 1, 1)), new EncodedPrompt("p1", France, [1], Truncated: false),
            answers, [.. answers.Select(_ => new[] { 2 })], null, null);
        using var labeler = ScoreLabeler.Gold();
        var file = folder.PathOf(RankingFile.Name);
        labeler.Rank([row],
            new RankingJob(file, new AnswerOrigin(1, null, 8, new SamplingOptions()), "02-collect", "run/1", ProgressReporter.Silent, CancellationToken.None));
        var ranking = DataReader.Rankings(new DataSource { Path = [file] }, folder.Path, folder.Ledger).Single();
        Assert.Equal([[1, 3], [0], [4], [2]], ranking.Tiers!);
        Assert.Equal([(1, 3)], ranking.Ties);
        Assert.Equal(9, ranking.Pairs.Count);
        Assert.Contains((3, 0), ranking.Pairs);
        Assert.Contains((4, 2), ranking.Pairs);
        Assert.Equal(("p1", "gold", 1.0), (ranking.Id, ranking.Labeler, ranking.Weight));
    }

    [Fact]
    public void A_prompt_of_another_world_is_refused() =>
        Assert.Contains("none of them", Assert.Throws<InputException>(() => Rule.Score("Write a poem.", "No.")).Message, StringComparison.Ordinal);

    private static void AllScore(AnswerQuality quality, double score) => Assert.All(Requests, request =>
    {
        for (var variant = 0; variant < 3; variant++)
        {
            var answer = Grammar.Answer(request, quality, variant);
            Assert.True(Rule.Score(request.Prompt, answer) == score, $"{request.Prompt} -> {answer}: {Rule.Judge(request, answer)}");
        }
    });
}
