using Rlhf.Batching;
using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>
/// Forward passes over many sequences without gradients, a token budget at a time: log-probabilities and entropies of responses, values of responses, rewards
/// of whole
/// answers. A sequence's numbers do not depend on its neighbours. Sequences with the same prompt, wherever they stand in the list, go through the model
/// together, their prompt once:
/// to the same bits.
/// </summary>
/// <param name="decoder">The model.</param>
/// <param name="rowBudget">Tokens that go through the model at once.</param>
/// <param name="sharedArena">Memory for activations that is used by others in turn; null for memory of its own.</param>
public sealed class Scorer(Decoder decoder, int rowBudget, Arena? sharedArena = null) : IDisposable
{
    private readonly Arena _arena = sharedArena ?? new(decoder.Device);
    private readonly PackedBatch _batch = new();

    /// <summary>Rows that went through the model so far; a shared prompt's count once.</summary>
    public long Rows { get; private set; }

    /// <summary>The scalar head's number at each sequence's last token: a reward model's score.</summary>
    /// <param name="sequences">Prompt and response tokens.</param>
    /// <param name="promptLengths">Tokens of each prompt; without it no prompt is shared.</param>
    public float[] Rewards(IReadOnlyList<int[]> sequences, IReadOnlyList<int>? promptLengths = null)
    {
        var rewards = new float[sequences.Count];
        ForEachGroup(sequences, promptLengths, lastRowOnly: true, (hidden, order) =>
        {
            var values = new float[order.Length];
            new ScalarHead(decoder, _arena).Forward(hidden, _batch, values);
            for (var i = 0; i < order.Length; i++)
            {
                rewards[order[i]] = values[i];
            }
        });
        return rewards;
    }

    /// <summary>The scalar head's number in the state before each response token, all responses one after another.</summary>
    /// <param name="sequences">Prompt and response tokens.</param>
    /// <param name="promptLengths">Tokens of each prompt.</param>
    public float[] ResponseValues(IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths)
    {
        var offsets = ResponseOffsets(sequences, promptLengths);
        var values = new float[offsets[^1]];
        ForEachGroup(sequences, promptLengths, lastRowOnly: false, (hidden, order) =>
        {
            var part = new float[_batch.TargetCount];
            new ScalarHead(decoder, _arena).Forward(hidden, _batch, part);
            Place(part, order, offsets, values);
        });
        return values;
    }

    /// <summary>log p and entropy (nats) of each response token, all responses one after another.</summary>
    /// <param name="sequences">Prompt and response tokens.</param>
    /// <param name="promptLengths">Tokens of each prompt, at least 1: a first token is not predicted.</param>
    /// <param name="temperature">Divides the logits.</param>
    public (float[] LogProbabilities, float[] Entropies) ResponseLogProbabilities(
        IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths, double temperature = 1)
    {
        var offsets = ResponseOffsets(sequences, promptLengths);
        var (logProbabilities, entropies) = (new float[offsets[^1]], new float[offsets[^1]]);
        ForEachGroup(sequences, promptLengths, lastRowOnly: false, (hidden, order) =>
        {
            var (logs, parts) = (new float[_batch.TargetCount], new float[_batch.TargetCount]);
            new LanguageHead(decoder, _arena).Forward(hidden, _batch, logs, parts, temperature);
            Place(logs, order, offsets, logProbabilities);
            Place(parts, order, offsets, entropies);
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

    /// <summary>Where each sequence's response tokens begin among all of them [B + 1].</summary>
    private static int[] ResponseOffsets(IReadOnlyList<int[]> sequences, IReadOnlyList<int> promptLengths)
    {
        var offsets = new int[sequences.Count + 1];
        for (var i = 0; i < sequences.Count; i++)
        {
            if (promptLengths[i] < 1 || promptLengths[i] > sequences[i].Length)
            {
                throw new ArgumentException($"Sequence {i} of {sequences[i].Length} tokens cannot have a prompt of {promptLengths[i]}.", nameof(promptLengths));
            }

            offsets[i + 1] = offsets[i] + sequences[i].Length - promptLengths[i];
        }

        return offsets;
    }

    /// <summary>Copies what stands sequence by sequence in the order of the batch to where each sequence has its place.</summary>
    private static void Place(float[] perToken, ReadOnlySpan<int> order, int[] offsets, float[] destination)
    {
        var done = 0;
        foreach (var sequence in order)
        {
            var count = offsets[sequence + 1] - offsets[sequence];
            perToken.AsSpan(done, count).CopyTo(destination.AsSpan(offsets[sequence]));
            done += count;
        }
    }

    /// <summary>Hands <paramref name="read"/> the hidden states of a batch and the numbers of the sequences in it.</summary>
    private void ForEachGroup(IReadOnlyList<int[]> sequences, IReadOnlyList<int>? promptLengths, bool lastRowOnly, Action<FloatBuffer, int[]> read)
    {
        var pass = new DecoderPass(decoder, _arena);
        var order = PromptFamilies.Order(sequences, promptLengths);
        int[][] ordered = [.. order.Select(i => sequences[i])];
        int[]? orderedLengths = promptLengths is null ? null : [.. order.Select(i => promptLengths[i])];
        foreach (var group in PromptFamilies.Split(ordered, orderedLengths, rowBudget, decoder.Config.RotaryRegime))
        {
            _arena.Reset();
            _batch.Clear();
            foreach (var family in group)
            {
                _batch.AddFamily(ordered, family, lastRowOnly, decoder.Device, decoder.Shape);
            }

            Rows += _batch.Rows;
            read(pass.Forward(_batch, Keep.Nothing), order[group[0].Start..group[^1].End]);
        }
    }
}
