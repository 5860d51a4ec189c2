using Rlhf.Batching;
using Rlhf.Training;

namespace Rlhf.Stages.Ppo;

/// <summary>Some answers of a rollout with their numbers per token [R], in the order in which they go through the models.</summary>
internal sealed class PpoMicroBatch
{
    private readonly Rollout _rollout;
    private readonly int[] _rows;

    public PpoMicroBatch(Rollout rollout, ReadOnlySpan<int> rows)
    {
        (_rollout, _rows) = (rollout, rows.ToArray());
        OldLogProbabilities = Pick(rollout.OldLogProbabilities);
        SamplerLogProbabilities = Pick(rollout.LogProbabilities);
        ReferenceLogProbabilities = Pick(rollout.ReferenceLogProbabilities);
        Advantages = Pick(rollout.Advantages);
        OldValues = Pick(rollout.Values);
        Returns = Pick(rollout.Returns);
        Offsets = Rollout.OffsetsOf([.. _rows.Select(row => rollout.Completions[row])]);
    }

    public int Tokens => OldLogProbabilities.Length;

    public float[] OldLogProbabilities { get; }

    public float[] SamplerLogProbabilities { get; }

    public float[] ReferenceLogProbabilities { get; }

    public float[] Advantages { get; }

    public float[] OldValues { get; }

    public float[] Returns { get; }

    /// <summary>Where each answer begins.</summary>
    public int[] Offsets { get; }

    /// <summary>Puts the answers into a training pass, their response tokens as targets; neighbours with the same prompt share its rows.</summary>
    public void Fill(TrainingPass pass)
    {
        pass.Begin();
        var (sequences, promptLengths) = Sequences(_rollout, _rows);
        foreach (var family in PromptFamilies.Of(sequences, promptLengths, pass.Decoder.Config.RotaryRegime))
        {
            pass.Batch.AddFamily(sequences, family, lastRowOnly: false, pass.Decoder.Device, pass.Decoder.Shape);
        }
    }

    /// <summary>The tokens of answers and of their prompts.</summary>
    public static (int[][] Sequences, int[] PromptLengths) Sequences(Rollout rollout, int[] rows) =>
        ([.. rows.Select(row => rollout.Completions[row].Tokens)], [.. rows.Select(row => rollout.Completions[row].Prompt.Length)]);

    private float[] Pick(float[] perToken) => perToken.Length == 0 ? [] : [.. _rows.SelectMany(row => perToken[_rollout.TokensOf(row, row + 1)])];
}
