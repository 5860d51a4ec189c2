namespace Rlhf.Training;

/// <summary>What every stage that trains logs.</summary>
internal static class TrainingMetrics
{
    /// <summary>Norms of the policy and of the value network.</summary>
    public static readonly MetricPanel GradientPanel = new(130, "Gradient norms", IsLogarithmic: true);

    private static readonly MetricPanel LossPanel = new(30, "Loss");

    public static readonly Metric Loss = new(
        "loss", "loss",
        "Training loss: nats per token in language modelling, per pair in the reward model.", "nats", LossPanel);

    public static readonly Metric ValidationLoss = new("validation_loss", "held-out loss", "The loss on data that was not trained on.", Panel: LossPanel);

    public static readonly Metric ValidationReward = new(
        "validation_reward", "held-out reward",
        "Mean score, by the reward model that chooses among the epochs, of the present model's answers to held-out prompts.");

    public static readonly Metric ValidationLossBefore = new(
        "validation_loss_before", "held-out loss before",
        "The held-out loss of the model that the stage started from.");

    public static readonly Metric TrainLoss = new("train_loss", "training loss at the end", "Mean training loss of the last epoch.");

    public static readonly Metric KeptStep = new("kept_step", "step of the model that was kept", "The optimizer step whose weights were kept.");

    public static readonly Metric TrainingRows = new("training_rows", "rows trained on", "Rows of the data that are in the training set.");

    public static readonly Metric TrainingTokens = new("training_tokens", "tokens trained on", "Tokens of the training set whose loss counts, in one pass.");

    public static readonly Metric Epoch = new("epoch", "epoch", "Passes over the data, from 0.", Panel: new MetricPanel(190, "Epoch"), IsExact: true);

    public static readonly Metric LearningRate = new(
        "learning_rate", "learning rate",
        "The optimizer's step size.", Panel: new MetricPanel(140, "Learning rate"), IsExact: true);

    public static readonly Metric GradientNorm = new(
        "gradient_norm", "gradient norm",
        "Global norm of the gradient before clipping.", Panel: GradientPanel);

    public static readonly Metric TokensPerSecond = new(
        "tokens_per_second", "speed",
        "Tokens worked through per second; in PPO the answers' tokens over the whole step.", "tokens/s", new MetricPanel(160, "Speed"));
}
