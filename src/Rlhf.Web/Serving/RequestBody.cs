using System.Globalization;
using System.Text.Json;
using Microsoft.AspNetCore.Http;
using Rlhf.Web.Security;

namespace Rlhf.Web.Serving;

/// <summary>The parameters of a request: each is read once, and one that nothing reads is an error. Null counts as absent.</summary>
internal sealed class RequestBody : IDisposable
{
    private readonly JsonDocument _document;
    private readonly HashSet<string> _known = new(StringComparer.Ordinal);

    private RequestBody(JsonDocument document) => _document = document;

    /// <summary>Reads the body of a request, which must be a JSON object.</summary>
    public static async Task<RequestBody> Read(HttpRequest request)
    {
        if (!request.HasJsonContentType())
        {
            throw ApiException.Invalid("The body must be sent as application/json.", null);
        }

        try
        {
            var document = await JsonDocument.ParseAsync(
                request.Body, new JsonDocumentOptions { MaxDepth = Limits.RequestDepth, AllowDuplicateProperties = false }, request.HttpContext.RequestAborted);
            if (document.RootElement.ValueKind == JsonValueKind.Object)
            {
                return new RequestBody(document);
            }

            document.Dispose();
            throw ApiException.Invalid("The body must be a JSON object.", null);
        }
        catch (JsonException exception)
        {
            throw ApiException.Invalid($"The body cannot be read. {JsonErrorText.Of(exception)}", null);
        }
    }

    public void Dispose() => _document.Dispose();

    public JsonElement? Find(string name)
    {
        _known.Add(name);
        return _document.RootElement.TryGetProperty(name, out var value) && value.ValueKind != JsonValueKind.Null ? value : null;
    }

    public JsonElement Get(string name) =>
        Find(name) ?? throw ApiException.Invalid($"Missing required parameter: '{name}'.", name, "missing_required_parameter");

    public double? Number(string name, double least, double most) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetDouble(out var number) && number >= least && number <= most ? number
        : throw Wrong(name, string.Create(CultureInfo.InvariantCulture, $"a number from {least} to {most}"), value);

    public long? Whole(string name, long least, long most) => Find(name) is not { } value ? null
        : value.ValueKind == JsonValueKind.Number && value.TryGetInt64(out var number) && number >= least && number <= most ? number
        : throw Wrong(name, most == long.MaxValue
            ? string.Create(CultureInfo.InvariantCulture, $"a whole number of at least {least}")
            : string.Create(CultureInfo.InvariantCulture, $"a whole number from {least} to {most}"), value);

    public bool Flag(string name) => Find(name) is { } value
        && (value.ValueKind is JsonValueKind.True or JsonValueKind.False ? value.GetBoolean() : throw Wrong(name, "true or false", value));

    /// <summary>Parameters that say something about the request but nothing about its answer.</summary>
    public void MayHave(params ReadOnlySpan<string> names)
    {
        foreach (var name in names)
        {
            _known.Add(name);
        }
    }

    /// <summary>A parameter of OpenAI's that does not exist here: only the value that asks for nothing is accepted.</summary>
    public void OnlyNeutral(string name, Func<JsonElement, bool> isNeutral)
    {
        if (Find(name) is { } value && !isNeutral(value))
        {
            throw ApiException.Invalid($"'{name}' is not supported here with this value; leave it out.", name, "unsupported_parameter");
        }
    }

    public void RejectUnknown()
    {
        foreach (var property in _document.RootElement.EnumerateObject().Where(property => !_known.Contains(property.Name)))
        {
            var nearest = NearestName.Of(property.Name, [.. _known]);
            throw ApiException.Invalid(
                $"Unknown parameter: '{property.Name}'.{(nearest is null ? "" : $" Did you mean '{nearest}'?")}", property.Name, "unknown_parameter");
        }
    }

    public static string TextOf(JsonElement value, string name) =>
        value.ValueKind == JsonValueKind.String ? value.GetString()! : throw Wrong(name, "a string", value);

    /// <summary>The refusal of a value.</summary>
    /// <param name="name">Its place.</param>
    /// <param name="expected">What it should be.</param>
    /// <param name="found">What it is.</param>
    /// <param name="parameter">The parameter that it belongs to; its place itself where left out.</param>
    public static ApiException Wrong(string name, string expected, JsonElement found, string? parameter = null)
    {
        var text = found.ValueKind is JsonValueKind.Object or JsonValueKind.Array ? $"an {found.ValueKind.ToString().ToLowerInvariant()}" : found.GetRawText();
        return ApiException.Invalid(
            $"Invalid value for '{name}': expected {expected}, found {(text.Length > 60 ? text[..60] + "..." : text)}.", parameter ?? name,
            "invalid_value");
    }
}
