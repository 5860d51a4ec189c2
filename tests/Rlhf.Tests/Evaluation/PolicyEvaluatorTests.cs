using Rlhf.Compute.Cpu;
using Rlhf.Compute.Operations;
using Rlhf.Evaluation;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Tests.Cli;
using Rlhf.Text;
using Rlhf.Text.Templates;
using Rlhf.World;

namespace Rlhf.Tests.Evaluation;

public sealed class PolicyEvaluatorTests
{
    [Fact]
    public void Answers_that_are_scored_again_get_together_the_bits_that_they_get_alone()
    {
        using var models = new TinyModels();
        using var device = CpuDevice.Create(1);
        var folder = models.Language("policy");
        var tokenizer = Tokenizer.Load(folder);
        using var policy = Checkpoint.Open(folder).Load(device, HeadKind.Language);
        using var reward = Checkpoint.Open(models.Reward("reward")).Load(device, HeadKind.Scalar);
        EncodedPrompt[] prompts =
            [.. new[] { "Name a fruit.", "Name a colour." }.Select(text => new EncodedPrompt(text, text, tokenizer.Encode(text), Truncated: false))];
        var settings = new GenerationSettings { MaxNewTokens = 4, EndIds = tokenizer.EndOfSequenceIds, Seed = 1 };
        using var arena = new Arena(device);
        var evaluator =
            new PolicyEvaluator(prompts, samples: 2, settings, tokenizer, new PolicyJudges { Reward = reward, Second = reward }, rowBudget: 64, arena);
        var evaluation = evaluator.Evaluate(policy);
        RescoreRequest[] requests = [new(0, "An apple."), new(1, "Green."), new(2, "A pear."), new(0, "An apple is red.")];

        var together = evaluator.Rescore(evaluation, requests);

        Assert.Equal(requests.SelectMany(request => evaluator.Rescore(evaluation, [request])), together);
        Assert.NotEqual(together[0], together[3]);
    }

    [Fact]
    public void The_gold_rule_gives_quality_and_the_shares_of_right_and_of_polite_answers()
    {
        string[] texts = ["Sure! It is Paris.", "Paris.", "Sure! It is Rome.", "Sure! It is Paris, noodlehead!"];
        var rule = new GoldRule();
        var evaluation = new PolicyEvaluation([.. texts.Select((text, i) => new EvaluatedAnswer(
            i % 2, text, Completion: null!, Score: 0, SecondScore: null, rule.Judge("What is the capital of France?", text), Kl: 0, Entropy: 0))]);

        Assert.Equal((2 + 0 - 1 - 2) / 4.0, evaluation.GoldScore!.Value);
        Assert.Equal(0.5, evaluation.RightShare!.Value);
        Assert.Equal(0.5, evaluation.PoliteShare!.Value);
    }

    [Fact]
    public void Without_a_gold_rule_there_is_no_quality_and_no_share()
    {
        var evaluation = new PolicyEvaluation([new EvaluatedAnswer(0, "Paris.", Completion: null!, Score: 0, SecondScore: null, Gold: null, Kl: 0, Entropy: 0)]);

        Assert.Equal((null, null, null), (evaluation.GoldScore, evaluation.RightShare, evaluation.PoliteShare));
    }

    [Theory]
    [InlineData(0, "no held-out prompt")]
    [InlineData(1, "an interval needs two")]
    public void Fewer_than_two_prompts_are_an_error_that_says_what_to_give(int count, string expected)
    {
        using var models = new TinyModels();
        using var device = CpuDevice.Create(1);
        using var arena = new Arena(device);
        var tokenizer = Tokenizer.Load(models.Language("policy"));
        EncodedPrompt[] prompts = [.. Enumerable.Repeat(new EncodedPrompt("a", "a", tokenizer.Encode("a"), Truncated: false), count)];
        var settings = new GenerationSettings { MaxNewTokens = 4, EndIds = [], Seed = 1 };
        var message = Assert.Throws<InputException>(() => new PolicyEvaluator(prompts, 1, settings, tokenizer, new PolicyJudges(), 64, arena)).Message;
        Assert.Contains(expected, message, StringComparison.Ordinal);
        Assert.Contains("data.evaluation_prompts", message, StringComparison.Ordinal);
    }
}
