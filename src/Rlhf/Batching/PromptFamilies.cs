using System.Runtime.InteropServices;

namespace Rlhf.Batching;

/// <summary>
/// Neighbouring sequences [<paramref name="Start"/>, <paramref name="End"/>) that begin with the same <paramref name="PromptLength"/> tokens and go through a
/// model together: the prompt's
/// rows stand in the batch once.
/// </summary>
public readonly record struct PromptFamily(int Start, int End, int PromptLength)
{
    /// <summary>Whether there is something to share.</summary>
    public bool IsShared => End - Start > 1;

    /// <summary>Rows that the family takes in a batch: the prompt's once, and those of each answer.</summary>
    public int Rows(IReadOnlyList<int[]> sequences)
    {
        var rows = PromptLength;
        for (var i = Start; i < End; i++)
        {
            rows += sequences[i].Length - PromptLength;
        }

        return rows;
    }
}

/// <summary>Finds sequences with the same prompt, by token ids.</summary>
public static class PromptFamilies
{
    /// <summary>Neighbours with the same prompt. Without prompt lengths each sequence is alone.</summary>
    /// <param name="sequences">Token ids.</param>
    /// <param name="promptLengths">Tokens of each prompt; a sequence of prompt length 0 is alone.</param>
    /// <param name="kindOf">Sequences share a prompt only if this gives the same number for their lengths: where a model treats long rows otherwise. Null:
    /// always.</param>
    public static IEnumerable<PromptFamily> Of(IReadOnlyList<int[]> sequences, IReadOnlyList<int>? promptLengths, Func<int, int>? kindOf = null)
    {
        for (int start = 0, end; start < sequences.Count; start = end)
        {
            var prompt = promptLengths?[start] ?? 0;
            for (end = start + 1; prompt > 0 && end < sequences.Count && promptLengths![end] == prompt
                && kindOf?.Invoke(sequences[end].Length) == kindOf?.Invoke(sequences[start].Length)
                && Prompt(sequences[end], prompt).SequenceEqual(Prompt(sequences[start], prompt)); end++)
            {
            }

            yield return new PromptFamily(start, end, prompt);
        }
    }

    /// <summary>
    /// The families in groups of at most <paramref name="rows"/> rows (<see cref="RowBudget"/>). A family that is larger is cut between its answers, and each
    /// part brings the prompt.
    /// </summary>
    public static IEnumerable<PromptFamily[]> Split(IReadOnlyList<int[]> sequences, IReadOnlyList<int>? promptLengths, int rows, Func<int, int>? kindOf = null)
    {
        PromptFamily[] families = [.. Of(sequences, promptLengths, kindOf).SelectMany(family => Cut(family, sequences, rows))];
        return RowBudget.Split(families.Length, i => families[i].Rows(sequences), rows).Select(group => families[group.Start..group.End]);
    }

    /// <summary>The numbers of the sequences, those with the same prompt next to each other, otherwise in their order.</summary>
    public static int[] Order(IReadOnlyList<int[]> sequences, IReadOnlyList<int>? promptLengths)
    {
        var firsts = new Dictionary<ReadOnlyMemory<int>, int>(new SameTokens());
        var leaders = new int[sequences.Count];
        for (var i = 0; i < leaders.Length; i++)
        {
            leaders[i] = i;
            if (promptLengths?[i] is > 0 and var length && !firsts.TryAdd(sequences[i].AsMemory(0, length), i))
            {
                leaders[i] = firsts[sequences[i].AsMemory(0, length)];
            }
        }

        return [.. Enumerable.Range(0, leaders.Length).OrderBy(i => leaders[i])];
    }

    private static IEnumerable<PromptFamily> Cut(PromptFamily family, IReadOnlyList<int[]> sequences, int rows)
    {
        var (start, used) = (family.Start, family.PromptLength);
        for (var i = family.Start; i < family.End; i++)
        {
            var needed = sequences[i].Length - family.PromptLength;
            if (i > start && used + needed > rows)
            {
                yield return family with { Start = start, End = i };
                (start, used) = (i, family.PromptLength);
            }

            used += needed;
        }

        yield return family with { Start = start };
    }

    private static ReadOnlySpan<int> Prompt(int[] sequence, int length) => sequence.AsSpan(0, length);

    private sealed class SameTokens : IEqualityComparer<ReadOnlyMemory<int>>
    {
        public bool Equals(ReadOnlyMemory<int> x, ReadOnlyMemory<int> y) => x.Span.SequenceEqual(y.Span);

        public int GetHashCode(ReadOnlyMemory<int> tokens)
        {
            var hash = new HashCode();
            hash.AddBytes(MemoryMarshal.AsBytes(tokens.Span));
            return hash.ToHashCode();
        }
    }
}
