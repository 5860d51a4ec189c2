using Rlhf.Stages.Ppo;
using Rlhf.Stages.Reward;
using Rlhf.Stages.Sft;
using Rlhf.Training;

namespace Rlhf.Cli.Bench;

/// <summary>The trainers' options for a shape: the same work whether it is timed or checked.</summary>
internal sealed record BenchmarkOptions(BenchmarkShape Shape, AdamOptions Adam, double LearningRate, int Epochs)
{
    public SftOptions Sft => new()
    {
        Epochs = Epochs,
        Batch = Shape.SftRows,
        Dropout = 0,
        KeepBest = KeepBest.None,
        MicroBatchTokens = Shape.MicroBatchTokens,
        LearningRate = LearningRate,
        Schedule = ScheduleShape.Constant,
        Adam = Adam,
        MaxGradientNorm = 1,
    };

    public PpoOptions Ppo => new()
    {
        RolloutsPerStep = Shape.PromptLengths.Count,
        Minibatch = Shape.Minibatch,
        InnerEpochs = Shape.Epochs,
        MicroBatchTokens = Shape.MicroBatchTokens,
        MaxNewTokens = Shape.ResponseLengths.Max(),
        KlCoefficient = 0.05,
        WhitenAdvantages = false,
        Ema = null,
        WarmUpSteps = 0,
        LearningRate = LearningRate,
        ValueLearningRate = LearningRate,
        Adam = Adam,
        MaxGradientNorm = 1,
    };

    public RewardOptions Reward => new()
    {
        Epochs = Epochs,
        Batch = Shape.RankedPrompts,
        MicroBatchTokens = Shape.MicroBatchTokens,
        LearningRate = LearningRate,
        Schedule = ScheduleShape.Constant,
        FinalLearningRateFraction = 0,
        Adam = Adam,
        MaxGradientNorm = 1,
    };
}
