namespace Rlhf.Stages.Distill;

/// <summary>What distillation measures.</summary>
internal static class DistillMetrics
{
    private static readonly MetricPanel TeacherPanel = new(15, "Distance from the teacher");

    public static readonly Metric Divergence = new(
        "divergence", "divergence from the teacher",
        "Mean over tokens of how far the student's next-token distribution lies from the teacher's, by the divergence that is trained.", "nats per token",
        TeacherPanel);

    public static readonly Metric OwnAnswers = new(
        "own_answers", "student's own answers", "1 where a step's answers are the student's own, 0 where demonstrations.");

    public static readonly Metric HeldoutTeacherKl = new(
        "heldout_teacher_kl", "held-out KL to the teacher",
        "KL(student || teacher) over whole distributions on the student's own answers to held-out prompts.", "nats per token", TeacherPanel);

    public static readonly Metric TeacherKl = new(
        "teacher_kl", "KL to the teacher",
        "KL(student || teacher) over whole distributions, mean over tokens of the student's own answers to held-out prompts.", "nats per token");

    public static readonly Metric StartTeacherKl = new("start_teacher_kl", "KL to the teacher before", "The same before the first step.", "nats per token");

    public static readonly Metric TeacherScore = new("teacher_score", "score of the teacher", "Mean score of the teacher's own answers to the same prompts.");

    public static readonly Metric TeacherGoldScore = new(
        "teacher_gold_score", "gold quality of the teacher", "Mean score of the teacher's own answers by the gold rule.");
}
