using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.World;

namespace Rlhf.Tests.World;

public sealed class InstructionGrammarTests
{
    private static readonly InstructionGrammar Grammar = new(1);

    [Fact]
    public void The_same_seed_gives_the_same_data()
    {
        var again = new InstructionGrammar(1);
        Assert.Equal(Show(Grammar.Demonstrations(500)), Show(again.Demonstrations(500)));
        Assert.Equal(Grammar.Prompts(200).Select(request => request.Prompt), again.Prompts(200).Select(request => request.Prompt));
        Assert.Equal(Grammar.Texts(50), again.Texts(50));
    }

    [Fact]
    public void Another_seed_gives_other_data() =>
        Assert.NotEqual(Show(Grammar.Demonstrations(100)), Show(new InstructionGrammar(2).Demonstrations(100)));

    [Fact]
    public void Fewer_rows_are_the_beginning_of_more_rows()
    {
        Assert.Equal(Show(Grammar.Demonstrations(50)), Show(Grammar.Demonstrations(200)).Take(50));
        Assert.Equal(Grammar.Texts(5), Grammar.Texts(20).Take(5));
    }

    [Fact]
    public void Thousands_of_prompts_are_distinct_and_no_two_sets_share_one()
    {
        var demonstrated = Grammar.Demonstrations(InstructionGrammar.MostDemonstrations).Select(row => row.Request.Prompt);
        var prompts = Grammar.Prompts(InstructionGrammar.MostPrompts).Concat(Grammar.EvaluationPrompts(InstructionGrammar.MostEvaluationPrompts));
        Assert.Equal(InstructionGrammar.MostDemonstrations + InstructionGrammar.MostPrompts + InstructionGrammar.MostEvaluationPrompts,
            demonstrated.Concat(prompts.Select(request => request.Prompt)).Distinct().Count());
    }

    [Fact]
    public void Every_fact_that_an_evaluation_prompt_asks_for_is_demonstrated_rightly()
    {
        var known = Grammar.Demonstrations(4_000).Where(row => row.Quality is AnswerQuality.Good or AnswerQuality.Curt)
            .Select(row => (row.Request.Kind.Name, row.Request.Fact)).ToHashSet();
        Assert.All(Grammar.EvaluationPrompts(300), request => Assert.Contains((request.Kind.Name, request.Fact), known));
    }

    [Fact]
    public void A_tenth_of_the_demonstrations_can_be_held_out_by_hash() =>
        Assert.InRange(Grammar.Demonstrations(3_000).Count(row => PromptSplit.IsHeldOut(row.Request.Prompt, 0.1)), 240, 360);

    [Fact]
    public void Every_kind_phrasing_and_name_occurs()
    {
        var prompts = Grammar.Demonstrations(4_000).Select(row => row.Request).ToArray();
        Assert.All(Rlhf.World.World.Kinds, kind => Assert.InRange(prompts.Count(request => request.Kind == kind), 350, 650));
        Assert.All(Phrasebook.Names, name => Assert.Contains(prompts, request => request.Name == name));
        var texts = prompts.Select(request => request.Prompt).ToArray();
        Assert.All(
            Rlhf.World.World.Kinds.SelectMany(kind => kind.Phrasings.Select(phrasing => kind.Facts.Select(fact => fact.Fill(phrasing, fact.Answer)))),
            questions => Assert.Contains(questions, question => texts.Any(text => text.EndsWith(question, StringComparison.Ordinal))));
    }

    [Fact]
    public void Qualities_have_their_shares()
    {
        var rows = Grammar.Demonstrations(4_000);
        Assert.InRange(Share(AnswerQuality.Good), 0.28, 0.32);
        Assert.InRange(Share(AnswerQuality.Curt), 0.36, 0.40);
        Assert.InRange(Share(AnswerQuality.Wrong), 0.01, 0.03);
        Assert.InRange(Share(AnswerQuality.Rude), 0.28, 0.32);

        double Share(AnswerQuality quality) => rows.Count(row => row.Quality == quality) / (double)rows.Count;
    }

    [Fact]
    public void Shares_that_do_not_sum_to_one_are_refused() =>
        Assert.Throws<InputException>(() => Grammar.Demonstrations(10, new QualityMix(0.5, 0.5, 0.5, 0.5)));

    [Fact]
    public void Asking_for_more_rows_than_the_limit_is_an_error_that_says_it() => Assert.Contains(
        "0 to 3000 rows", Assert.Throws<InputException>(() => Grammar.Prompts(InstructionGrammar.MostPrompts + 1)).Message, StringComparison.Ordinal);

    [Fact]
    public void Every_prompt_parses_back_to_its_request() =>
        Assert.All(Grammar.Prompts(3_000), request => Assert.Equal(request, Request.TryParse(request.Prompt)));

    [Theory]
    [InlineData("")]
    [InlineData("What is the capital of Atlantis?")]
    [InlineData("what is the capital of France?")]
    [InlineData("I am Zoe. What is the capital of France?")]
    public void What_the_grammar_cannot_write_does_not_parse(string prompt) => Assert.Null(Request.TryParse(prompt));

    [Fact]
    public void No_fact_lists_its_answer_among_the_wrong_ones() =>
        Assert.All(Rlhf.World.World.Kinds.SelectMany(kind => kind.Facts), fact =>
        {
            Assert.DoesNotContain(fact.Answer, fact.WrongAnswers);
            Assert.NotEmpty(fact.WrongAnswers);
        });

    [Fact]
    public void Texts_hold_requests_with_right_answers_only() => Assert.All(Grammar.Texts(300, facts: 1), text =>
    {
        var request = Enumerable.Range(0, text.Length).Select(end => Request.TryParse(text[..end])).Last(parsed => parsed is not null)!;
        var verdict = new GoldRule().Judge(request, text[request.Prompt.Length..]);
        Assert.True(verdict is { Fact: FactVerdict.Right, Faults.Count: 0 }, $"{text}: {verdict}");
    });

    [Fact]
    public void A_text_begins_with_its_first_fact() =>
        Assert.All(Grammar.Texts(10).Zip(Grammar.Texts(10, facts: 1)), pair => Assert.StartsWith(pair.Second + " ", pair.First, StringComparison.Ordinal));

    private static IEnumerable<string> Show(IEnumerable<GeneratedDemonstration> rows) =>
        rows.Select(row => $"{row.Request.Prompt}|{row.Response}|{row.Quality}");
}
