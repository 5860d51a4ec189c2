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
    internal string ScorerClass => ClassStem + ScorerEnding;

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

    /// <summary>What is impossible in this family, beside what is impossible in all of them.</summary>
    internal virtual IEnumerable<string> Problems(DecoderConfig config) => [];
}
