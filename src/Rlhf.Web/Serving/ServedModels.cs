using System.Text.Json.Nodes;

namespace Rlhf.Web.Serving;

/// <summary>All models of a server by name.</summary>
/// <param name="all">They belong to this object and are freed with it; no two have one name.</param>
public sealed class ServedModels(IReadOnlyList<ServedModel> all) : IDisposable
{
    /// <summary>The models in the order in which they were given.</summary>
    public IReadOnlyList<ServedModel> All => all;

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var model in all)
        {
            model.Dispose();
        }
    }

    internal ServedLanguageModel Language(string name) => Find(name) as ServedLanguageModel
        ?? throw ApiException.Invalid($"'{name}' is a reward model: it scores answers (/v1/score) and writes none.", "model");

    internal ServedRewardModel Reward(string name) => Find(name) as ServedRewardModel
        ?? throw ApiException.Invalid($"'{name}' is a language model: only reward models score answers.", "model");

    internal ServedModel Find(string name) => all.FirstOrDefault(model => model.Name == name) ?? throw ApiException.NoModel(name);

    internal JsonObject List() => new() { ["object"] = "list", ["data"] = new JsonArray([.. all.Select(Describe)]) };

    internal static JsonObject Describe(ServedModel model) => new()
    {
        ["id"] = model.Name,
        ["object"] = "model",
        ["created"] = model.Loaded.ToUnixTimeSeconds(),
        ["owned_by"] = "rlhf",
        ["kind"] = model is ServedRewardModel ? "reward" : "language",
        ["context_length"] = model is ServedLanguageModel language ? language.Worker.Capacity : model.Decoder.Config.ContextLength,
    };
}
