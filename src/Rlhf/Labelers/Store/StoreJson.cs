using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Labelers.Store;

/// <summary>The JSON of the store's cells, which is the JSON of the pages.</summary>
public static class StoreJson
{
    /// <summary>snake_case keys; null only where it is allowed.</summary>
    public static JsonSerializerOptions Options { get; } = new(JsonSerializerDefaults.Web)
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        DictionaryKeyPolicy = null,
        Encoder = JavaScriptEncoder.Default,
        MaxDepth = 32,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };
}
