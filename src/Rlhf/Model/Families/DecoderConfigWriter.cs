using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>Writes a decoder's configuration as Hugging Face <c>config.json</c>.</summary>
public static class DecoderConfigWriter
{
    /// <summary>A key of older reward models for the bias of their head. It is part of their scores.</summary>
    public const string ScoreBias = "score_bias";

    /// <summary>Our key for what is added to a reward model's score so that the demonstrations have 0 on average. It is no part of the score, which has no bias
    /// in other programs either.</summary>
    public const string ScoreShift = "score_shift";

    private static readonly JsonSerializerOptions Indented = new()
    {
        WriteIndented = true,
        Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping,
        NewLine = "\n",
    };

    /// <summary>
    /// The configuration as JSON. With an original, that one with only what changed; keys unknown to us stay as they were.
    /// </summary>
    /// <param name="config">What to write.</param>
    /// <param name="original">The <c>config.json</c> that the configuration was read from, if any.</param>
    public static JsonObject Write(DecoderConfig config, JsonObject? original = null)
    {
        var keys = config.Family.Write(config);
        if (original is null)
        {
            return keys;
        }

        var result = original.DeepClone().AsObject();
        var before = DecoderConfigReader.Read(ToElement(original), "the configuration");
        var keysBefore = before.Family.Write(before);
        foreach (var (key, value) in keys)
        {
            if (!JsonNode.DeepEquals(keysBefore[key], value))
            {
                result[key] = value?.DeepClone();
            }
        }

        return result;
    }

    /// <summary>The text of a JSON file: indented, with a newline at the end.</summary>
    public static string ToText(JsonNode json) => json.ToJsonString(Indented) + "\n";

    /// <summary>The same JSON in the form that readers take.</summary>
    public static JsonElement ToElement(JsonNode json) => JsonSerializer.SerializeToElement(json);

    /// <summary>Token ids as one number, a list, or null.</summary>
    internal static JsonNode? Ids(IReadOnlyList<int> ids) => ids.Count switch
    {
        0 => null,
        1 => ids[0],
        _ => new JsonArray([.. ids.Select(id => (JsonNode)id)]),
    };
}
