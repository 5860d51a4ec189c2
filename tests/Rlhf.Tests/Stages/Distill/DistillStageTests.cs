using Rlhf.Reports;
using Rlhf.Runs;
using Rlhf.Tests.Runs;

namespace Rlhf.Tests.Stages.Distill;

/// <summary>The stage in whole runs of tiny models.</summary>
public sealed class DistillStageTests : IDisposable
{
    private const string Head = """
        name: tiny
        seed: 3
        format: {template: custom, prompt: "{prompt}\nAnswer:", response: " {response}"}

        """;

    private const string TeacherText = Head + """
        base:
          shape: {family: gpt2, layers: 1, width: 32, heads: 2, context_length: 64}
          train_tokenizer: {vocabulary_size: 300}
        data: {text: {path: texts.jsonl}}
        pretrain: {max_steps: 30, batch: 8, learning_rate: 1e-2, keep_best: none}
        """;

    private const string Text = Head + """
        base: {shape: {family: llama, layers: 1, width: 16, heads: 2, context_length: 48}, tokenizer: teacher/stages/01-pretrain/model}
        data:
          text: {path: texts.jsonl}
          prompts: {path: prompts.jsonl, held_out: 0.3}
        pretrain: {max_steps: 2, batch: 4, keep_best: none}
        distill:
          teacher: teacher/stages/01-pretrain/model
          steps: 6
          batch: 4
          max_new_tokens: 6
          learning_rate: 1e-2
          evaluate_every: 3
          checkpoint_every: 1
        """;

    private readonly TestFolder _temporary = new();

    public DistillStageTests()
    {
        File.WriteAllText(_temporary.PathOf("tiny.yaml"), Text);
        File.WriteAllText(_temporary.PathOf("teacher.yaml"), TeacherText);
        File.WriteAllLines(_temporary.PathOf("texts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"text": "Name number {{i}}.\nAnswer: {{i}}"}"""));
        File.WriteAllLines(_temporary.PathOf("prompts.jsonl"), Enumerable.Range(0, 20).Select(i => $$"""{"prompt": "Name number {{i}}."}"""));
        File.WriteAllLines(
            _temporary.PathOf("shown.jsonl"), Enumerable.Range(0, 9).Select(i => $$"""{"prompt": "Name number {{i}}.", "completion": "{{i}}"}"""));
        Teach("teacher");
    }

    public void Dispose() => _temporary.Dispose();

    private void Teach(string name) => RecipeRun.Execute(
        RecipeReader.Read(_temporary.PathOf(name + ".yaml")), new RunSettings(_temporary.PathOf(name)), ProgressReporter.Silent, default);

    private RunSummary Run(string folder, params string[] changes) => RecipeRun.Execute(
        RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes), new RunSettings(_temporary.PathOf(folder), Resume: true), ProgressReporter.Silent, default);

    [Theory]
    [InlineData("distill.beta=1")]
    [InlineData("distill.on_policy_share=0.5 --set data.demonstrations.path=shown.jsonl --set distill.adapter={rank: 4, dropout: 0.1} --set distill.teacher_storage=int8")]
    public void A_run_that_is_stopped_again_and_again_ends_with_the_same_bytes(string changes)
    {
        Run("whole", changes.Split(" --set "));
        var stops = StopAfterStep.AgainAndAgain(
            () => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes.Split(" --set ")), _temporary.PathOf("stopped"), "02-distill", later: 3, most: 30);

        Assert.True(stops > 2, $"stopped {stops} times");
        Assert.Equal(ResumeTests.ResultsOf(_temporary.PathOf("whole")), ResumeTests.ResultsOf(_temporary.PathOf("stopped")));
    }

    [Fact]
    public void The_student_comes_nearer_to_its_teacher_and_the_summary_says_so()
    {
        var summary = Run("run", "distill.steps=30");
        var stage = summary.Stages[^1];

        Assert.True(stage.Figures["teacher_kl"].Value < 0.8 * stage.Figures["start_teacher_kl"].Value);
        Assert.NotNull(stage.Figures["teacher_kl"].Low);
        Assert.Equal(["base", "SFT", "student", "teacher"], stage.SideBySide![0].Answers.Select(answer => answer.Model).Prepend("base").Distinct());
        Assert.Equal(["start", "teacher"], stage.Inputs.Select(link => link.Role));
        Assert.Contains(summary.Sentences, sentence => sentence.StartsWith("Distillation brought the student from", StringComparison.Ordinal));
        Assert.NotEmpty(File.ReadAllLines(_temporary.PathOf("run", "stages", "02-distill", "samples.jsonl")));
        Assert.Contains("id=\"distill-answers\"", File.ReadAllText(_temporary.PathOf("run", "report.html")), StringComparison.Ordinal);
    }

    [Fact]
    public void A_teacher_of_another_vocabulary_is_refused()
    {
        File.WriteAllText(_temporary.PathOf("other.yaml"), TeacherText.Replace("size: 300", "size: 280", StringComparison.Ordinal));
        Teach("other");
        var message = Assert.Throws<InputException>(() => Run("run", "distill.teacher=other/stages/01-pretrain/model")).Message;
        Assert.Contains("another vocabulary than the student", message, StringComparison.Ordinal);
    }

    [Theory]
    [InlineData("distill.teacher=none", "distill.teacher", "is missing")]
    [InlineData("distill.beta=1.5", "distill.beta", "1")]
    [InlineData("distill.aggregation=constant", "distill.aggregation", "answers or tokens")]
    [InlineData("distill.on_policy_share=0.5", "data.demonstrations", "is missing")]
    [InlineData("distill.start_from=sft", "distill.start_from", "with one round")]
    [InlineData("distill.limits.max_response_tokens=5", "max_response_tokens", "max_new_tokens")]
    [InlineData("data.prompts.held_out=0", "data.prompts.held_out", "prompts that it does not see")]
    public void Mistakes_are_told_before_anything_runs(string changes, string key, string part)
    {
        var message = Assert.Throws<InputException>(() => RecipeReader.Read(_temporary.PathOf("tiny.yaml"), changes.Split(" --set "))).Message;
        Assert.Contains(key, message, StringComparison.Ordinal);
        Assert.Contains(part, message, StringComparison.Ordinal);
    }
}
