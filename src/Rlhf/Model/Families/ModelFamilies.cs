namespace Rlhf.Model.Families;

/// <summary>The families that are implemented.</summary>
public static class ModelFamilies
{
    /// <summary>All of them; a new one gets a line here.</summary>
    public static IReadOnlyList<ModelFamily> All { get; } =
    [
        new Gpt2(),
        new Llama(),
        new Mistral(),
        new Qwen2(),
        new Qwen3(),
        new Phi3(),
        new SmolLm3(),
        new Olmo2(),
        new Gemma2(),
        new Gemma3(),
        new GptNeoX(),
        new Opt(),
        new Bloom(),
        new GptJ(),
        new GptBigCode(),
    ];

    /// <summary>The family of a model from scratch whose recipe does not name one.</summary>
    public static ModelFamily Default => All[0];

    /// <summary>The family of a <c>model_type</c>, or null.</summary>
    public static ModelFamily? Find(string name) => All.FirstOrDefault(family => family.Name == name);
}
