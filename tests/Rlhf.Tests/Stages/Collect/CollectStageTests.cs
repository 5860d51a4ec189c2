using System.Text.Json;
using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Stages.Collect;

public sealed class CollectStageTests : IDisposable
{
    // Two tokens of two kinds: four answers are possible at most, and the policy repeats itself all the time.
    private const string Text = """
        name: repeats
        seed: 3
        base:
          shape: {family: gpt2, layers: 1, width: 16, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 400}
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}
        data:
          quickstart: {demonstrations: 40, prompts: 20, evaluation_prompts: 4, texts: 20}
          demonstrations: {}
          prompts: {}
        sft: {max_steps: 1, batch: 4, keep_best: none, limits: {on_overlong: drop}}
        collect: {answers_per_prompt: 3, max_new_tokens: 2, sampling: {top_k: 2}, limits: {on_overlong: drop}, resamples: RESAMPLES}
        """;

    private readonly TestFolder _temporary = new();

    public void Dispose() => _temporary.Dispose();

    private (string[][] Answers, double Tokens) Collect(int resamples, string name)
    {
        var file = _temporary.PathOf($"{name}.yaml");
        File.WriteAllText(file, Text.Replace("RESAMPLES", $"{resamples}", StringComparison.Ordinal));
        var summary = RecipeRun.Execute(RecipeReader.Read(file), new RunSettings(_temporary.PathOf(name)), ProgressReporter.Silent, CancellationToken.None);
        var rows = File.ReadLines(_temporary.PathOf(name, "stages", "02-collect", "rankings.jsonl")).Select(line => JsonDocument.Parse(line).RootElement);
        return (
            [.. rows.Select(row => row.GetProperty("responses").EnumerateArray().Select(answer => answer.GetString()!).ToArray())],
            summary.Stages[^1].Figures["sampled_tokens"].Value);
    }

    [Fact]
    public void A_judge_without_its_key_is_noticed_before_there_is_a_run_folder()
    {
        var file = _temporary.PathOf("judged.yaml");
        File.WriteAllText(
            file, Text.Replace(
                "RESAMPLES", "0, labeler: judge, judge: {url: 'http://127.0.0.1:1/v1', model: m, api_key_variable: RLHF_NOT_SET}", StringComparison.Ordinal));
        RunSummary Run(string? only) =>
            RecipeRun.Execute(
                RecipeReader.Read(file), new RunSettings(_temporary.PathOf("judged"), Only: only), ProgressReporter.Silent, CancellationToken.None);

        Assert.Contains("RLHF_NOT_SET", Assert.Throws<InputException>(() => Run(null)).Message, StringComparison.Ordinal);
        Assert.False(Directory.Exists(_temporary.PathOf("judged")));

        Run("sft"); // which asks no judge

        Assert.Contains("RLHF_NOT_SET", Assert.Throws<InputException>(() => Run("collect")).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_policy_that_repeats_itself_is_asked_again_for_what_it_lacks()
    {
        var (once, again, same) = (Collect(0, "once"), Collect(10, "again"), Collect(10, "same"));

        Assert.Contains(once.Answers, answers => answers.Length < 3);
        Assert.True(again.Answers.Sum(answers => answers.Length) > once.Answers.Sum(answers => answers.Length));
        Assert.All([.. once.Answers, .. again.Answers], answers => Assert.True(answers.Length is 2 or 3 && answers.Distinct().Count() == answers.Length));
        Assert.InRange(again.Tokens, once.Tokens + 1, 11 * once.Tokens - 1);
        Assert.Equal(again.Answers, same.Answers);
    }
}
