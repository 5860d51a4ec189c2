using System.Text.Json.Nodes;

namespace Rlhf.Model;

/// <summary>
/// An architecture that a Hugging Face <c>config.json</c> names in <c>model_type</c>: the keys that it reads and writes, what it refuses, its tensors' names
/// and its defaults.
/// One file each in <c>Families</c>.
/// </summary>
public abstract class ModelFamily
{
    /// <summary>Its <c>model_type</c>, and its name in recipes.</summary>
    public abstract string Name { get; }

    /// <summary>What all of its models have in common; sizes are left 0.</summary>
    internal abstract DecoderConfig Style { get; }

    /// <summary>The names of its tensors.</summary>
    internal abstract ParameterNames Tensors { get; }

    /// <summary>How the names of its classes in Transformers begin.</summary>
    protected abstract string ClassStem { get; }

    /// <summary>The name of its language model's class in Transformers.</summary>
    internal virtual string LanguageModelClass => ClassStem + "ForCausalLM";

    /// <summary>The name of its reward model's class in Transformers.</summary>
    internal virtual string ScorerClass => ClassStem + ScorerEnding;

    /// <summary>How the names of reward models' classes end.</summary>
    internal const string ScorerEnding = "ForSequenceClassification";

    /// <inheritdoc/>
    public sealed override string ToString() => Name;

    /// <summary>Reads <c>config.json</c>; what is wrong goes to the keys' list of problems.</summary>
    internal abstract DecoderConfig Read(DecoderConfigKeys keys);

    /// <summary>The keys of <c>config.json</c> that say this.</summary>
    internal abstract JsonObject Write(DecoderConfig config);

    /// <summary>Whether a tensor of a file is one that the family's classes store beside the parameters, and nobody needs.</summary>
    internal abstract bool IsBuffer(string tensor);

    /// <summary>F of a model from scratch whose recipe does not say it: 8/3 C, rounded up to a multiple of 8.</summary>
    internal virtual long UsualFeedForwardWidth(long width) => ((8 * width / 3) + 7) / 8 * 8;

    /// <summary>A model from scratch, of which the sizes are given: what the family's own models have beside them, for example in which blocks.</summary>
    internal virtual DecoderConfig Fresh(DecoderConfig config) => config;

    /// <summary>What is impossible in this family, beside what is impossible in all of them.</summary>
    internal virtual IEnumerable<string> Problems(DecoderConfig config) => [];

    /// <summary>D of a family that has the width divided by the heads, which must be even.</summary>
    private protected static int WidthOfHeads(DecoderConfigKeys keys, string headsKey, int width, int heads)
    {
        if (heads > 0 && width % heads != 0)
        {
            keys.Refuse(headsKey, $"does not divide the width of {width}");
        }

        return heads > 0 ? width / heads : 0;
    }

    /// <summary>Tokens of a row at most: a base that grows with the row serves for factor times the context.</summary>
    protected static int LongestRow(int context, RotaryScaling? scaling) =>
        scaling is { Kind: RotaryScaling.Dynamic } ? (int)Math.Clamp(Math.Ceiling(context * scaling.Factor), int.MinValue, int.MaxValue) : context;

    /// <summary>The context as the file has it: undoes <see cref="LongestRow"/>.</summary>
    protected static int WrittenContext(DecoderConfig config) =>
        config.RotaryScaling is { Kind: RotaryScaling.Dynamic } dynamic ? dynamic.OriginalContext : config.ContextLength;

    /// <summary>The problem of a family whose heads have keys of their own and divide the width.</summary>
    protected IEnumerable<string> HeadsDivideTheWidth(DecoderConfig config)
    {
        if (config.KeyValueHeads != config.Heads || (long)config.Heads * config.HeadWidth != config.Width)
        {
            yield return $"{Name} needs as many key-value heads as heads and width = heads * head width (here {config.Width}, {config.Heads} * {config.HeadWidth})";
        }
    }
}
