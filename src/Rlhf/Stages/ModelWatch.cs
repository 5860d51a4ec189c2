using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Stages;

/// <summary>A model that is trained, and what stands beside it.</summary>
/// <param name="Decoder">The model.</param>
/// <param name="Models">Loads others that share its frozen weights.</param>
/// <param name="Reader">Reads rows for it.</param>
/// <param name="Host">Takes metrics and samples.</param>
/// <param name="Arena">Memory for activations, which is used in turn.</param>
internal sealed record TrainedModel(Decoder Decoder, StageModels Models, StageReader Reader, StageHost Host, Arena Arena);

/// <summary>Looks at the answers of a model while it is trained.</summary>
internal interface IModelWatch : IDisposable
{
    /// <summary>Has the present model answer and logs what came out.</summary>
    void Evaluate(long step);

    /// <summary>Adds what came out in the end.</summary>
    StageSummary Complete(StageSummary summary);
}

/// <summary>What looking at a model's answers needs in a plan.</summary>
/// <param name="Prompts">Held-out prompts.</param>
/// <param name="Samples">Answers to each in an evaluation.</param>
/// <param name="MaxNewTokens">Tokens of an answer at most.</param>
/// <param name="Rewards">Reward models that score.</param>
/// <param name="BestOf">Answers for the best of n; null for none.</param>
internal sealed record PlannedWatch(IReadOnlyList<EncodedPrompt> Prompts, int Samples, int MaxNewTokens, int Rewards, int? BestOf)
{
    /// <summary>Memory of the answers of the best of n.</summary>
    public long BestOfBytes => StagePlanning.BestOfBytes(Prompts, MaxNewTokens, BestOf);

    /// <summary>The reward models.</summary>
    public IEnumerable<Decoder> RewardModels(PlannedModels models) => Enumerable.Range(0, Rewards).Select(_ => models.Frozen(HeadKind.Scalar));

    /// <summary>Begins to answer the prompts of an evaluation.</summary>
    public void Sample(Decoder model, Arena arena, int rowBudget)
    {
        using var generator = new Generator(model, arena);
        int[][] asked = [.. Prompts.SelectMany(prompt => Enumerable.Repeat(prompt.Tokens, Samples))];
        StagePlanning.Sample(generator, asked, MaxNewTokens, rowBudget);
    }
}
