using static System.FormattableString;

namespace Rlhf.Model;

/// <summary>What is possible.</summary>
public sealed partial record DecoderConfig
{
    /// <summary>Returns this configuration if its numbers are possible.</summary>
    /// <param name="where">What the numbers come from, for the message.</param>
    /// <exception cref="InputException">Some are not; the message names all of them.</exception>
    public DecoderConfig Checked(string where)
    {
        var problems = Problems().ToList();
        return problems.Count == 0
            ? this
            : throw new InputException($"{where} is impossible: {string.Join("; ", problems)}.");
    }

    private IEnumerable<string> Problems()
    {
        (string Name, int Value, int Most)[] counts =
        [
            ("vocabulary size", VocabularySize, 1 << 24), ("width", Width, 1 << 17), ("layers", Layers, 4096),
            ("heads", Heads, 4096), ("key-value heads", KeyValueHeads, 4096), ("head width", HeadWidth, 4096),
            ("feed-forward width", FeedForwardWidth, 1 << 20), ("context length", ContextLength, 1 << 24),
        ];
        foreach (var (name, value, most) in counts)
        {
            if (value < 1 || value > most)
            {
                yield return $"{name} is {value}, it must be in 1..{most}";
            }
        }

        if (KeyValueHeads > 0 && Heads % KeyValueHeads != 0)
        {
            yield return $"{Heads} heads cannot share {KeyValueHeads} key-value heads evenly";
        }

        foreach (var problem in RotaryProblems().Concat(StyleProblems()).Concat(Family.Problems(this)))
        {
            yield return problem;
        }

        if (!double.IsFinite(NormEpsilon) || NormEpsilon <= 0 || NormEpsilon >= 1)
        {
            yield return Invariant($"norm epsilon is {NormEpsilon}, it must be in (0, 1)");
        }

        if (!double.IsFinite(InitializerRange) || InitializerRange <= 0)
        {
            yield return Invariant($"initializer range is {InitializerRange}, it must be positive");
        }

        if (ResidualDropoutInFile is not (>= 0 and < 1))
        {
            yield return Invariant($"residual dropout is {ResidualDropoutInFile}, it must be in [0, 1)");
        }

        foreach (var id in EosTokenIds.Append(BosTokenId ?? 0))
        {
            if (id < 0 || id >= VocabularySize)
            {
                yield return $"token id {id} (beginning or end of sequence) is outside of the vocabulary of {VocabularySize}";
            }
        }
    }

    private IEnumerable<string> RotaryProblems()
    {
        if (Positions != Positions.Rotary)
        {
            yield break;
        }

        if (RotaryWidth % 2 != 0 || RotaryWidth < 2 || RotaryWidth > HeadWidth)
        {
            yield return TurnedWidth is null
                ? $"head width {HeadWidth} is odd, rotary positions turn pairs"
                : $"{TurnedWidth} components of a head of {HeadWidth} cannot be turned: it must be an even number of them";
        }

        foreach (var theta in (double[])[RotaryBase, WindowRotaryBase ?? RotaryBase])
        {
            if (!double.IsFinite(theta) || theta <= 1)
            {
                yield return Invariant($"rotary base is {theta}, it must be above 1");
            }
        }

        if (RotaryScaling is { Kind: Model.RotaryScaling.LongRope } longRope)
        {
            foreach (var factors in (EqualList<double>[])[longRope.ShortFactors, longRope.LongFactors])
            {
                if (factors.Count != RotaryWidth / 2 || factors.Any(factor => !double.IsFinite(factor) || factor <= 0))
                {
                    yield return $"longrope has {factors.Count} factors for {RotaryWidth / 2} pairs that turn, or some that are not positive";
                }
            }
        }

        if (RotaryScaling is { Kind: Model.RotaryScaling.Dynamic } && RotaryWidth == 2)
        {
            yield return "dynamic rotary scaling needs more than one pair that turns";
        }
    }

    private IEnumerable<string> StyleProblems()
    {
        foreach (var (name, value) in ((string, double?)[])
            [
                ("the width that scales queries", QueryScaleWidth), ("the cap on scores", ScoreCap), ("the cap on logits", LogitCap),
                ("the embedding's scale", EmbeddingScale), ("the window", Window), ("the embedding's width", NarrowEmbedding),
            ])
        {
            if (value is { } number && (!double.IsFinite(number) || number <= 0 || number > 1 << 24))
            {
                yield return Invariant($"{name} is {number}, it must be positive");
            }
        }

        foreach (var (name, list) in ((string, EqualList<bool>?)[])[("windows", WindowLayers), ("rotary positions", TurnedLayers)])
        {
            if (list is not null && list.Count != Layers)
            {
                yield return $"{list.Count} blocks are named with or without {name}, but there are {Layers}";
            }
        }
    }
}
