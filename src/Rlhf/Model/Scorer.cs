using Rlhf.Numerics;

namespace Rlhf.Model;

/// <summary>
/// Forward passes over many sequences without gradients, a token budget at a time: log-probabilities and entropies of responses, values of responses, rewards of whole
/// answers. A sequence's numbers do not depend on its neighbours.
/// </summary>
/// <param name="decoder">The model.</param>
/// <param name="rowBudget">Tokens that go through the model at once.</param>
/// <param name="sharedArena">Memory for activations that is used by others in turn; null for memory of its own.</param>
public sealed class Scorer(Decoder decoder, int rowBudget, Arena? sharedArena = null) : IDisposable
{
    private readonly Arena _arena = sharedArena ?? new(decoder.Device);
    private readonly PackedBatch _batch = new();

    /// <summary>The scalar head's number at each sequence's last token: a reward model's score.</summary>
    public float[] Rewards(IReadOnlyList<int[]> sequences)
    {
        var rewards = new float[sequences.Count];
        ForEachGroup(sequences, i => _batch.AddWithLastRow(sequences[i], decoder.Device, decoder.Shape), (hidden, start, end) =>
            new ScalarHead(decoder, _arena).Forward(hidden, _batch, rewards.AsSpan(start, end - start)));
        return rewards;
    }

    /// <summary>The scalar head's number in the state before each response token, all responses one after another.</summary>
    /// <param name="sequences">Prompt and response tokens.</param>
    /// <param name="promptLengths">Tokens of each prompt.</param>
    public float[] ResponseValues(IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths)
    {
        var values = new float[ResponseTokens(sequences, promptLengths)];
        var done = 0;
        ForEachGroup(sequences, i => _batch.Add(sequences[i], promptLengths[i], decoder.Device, decoder.Shape), (hidden, _, _) =>
        {
            new ScalarHead(decoder, _arena).Forward(hidden, _batch, values.AsSpan(done));
            done += _batch.TargetCount;
        });
        return values;
    }

    /// <summary>log p and entropy (nats) of each response token, all responses one after another.</summary>
    /// <param name="sequences">Prompt and response tokens.</param>
    /// <param name="promptLengths">Tokens of each prompt, at least 1: a first token is not predicted.</param>
    /// <param name="temperature">Divides the logits.</param>
    public (float[] LogProbabilities, float[] Entropies) ResponseLogProbabilities(IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths, double temperature = 1)
    {
        var total = ResponseTokens(sequences, promptLengths);
        var (logProbabilities, entropies) = (new float[total], new float[total]);
        var done = 0;
        ForEachGroup(sequences, i => _batch.Add(sequences[i], promptLengths[i], decoder.Device, decoder.Shape), (hidden, _, _) =>
        {
            new LanguageHead(decoder, _arena).Forward(hidden, _batch, logProbabilities.AsSpan(done), entropies.AsSpan(done), temperature);
            done += _batch.TargetCount;
        });
        return (logProbabilities, entropies);
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        if (sharedArena is null)
        {
            _arena.Dispose();
        }
    }

    private static int ResponseTokens(IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths)
    {
        var total = 0;
        for (var i = 0; i < sequences.Count; i++)
        {
            if (promptLengths[i] < 1 || promptLengths[i] > sequences[i].Length)
            {
                throw new ArgumentException($"Sequence {i} of {sequences[i].Length} tokens cannot have a prompt of {promptLengths[i]}.", nameof(promptLengths));
            }

            total += sequences[i].Length - promptLengths[i];
        }

        return total;
    }

    private void ForEachGroup(IReadOnlyList<int[]> sequences, Action<int> add, Action<FloatBuffer, int, int> read)
    {
        var pass = new DecoderPass(decoder, _arena);
        foreach (var (start, end) in RowBudget.Split(sequences.Count, i => sequences[i].Length, rowBudget))
        {
            _arena.Reset();
            _batch.Clear();
            for (var i = start; i < end; i++)
            {
                add(i);
            }

            read(pass.Forward(_batch, Keep.Nothing), start, end);
        }
    }
}
