using System.Globalization;
using System.Net;
using System.Net.Http.Headers;
using System.Security.Cryptography;
using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;
using System.Text.Json.Nodes;
using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>What a server replied.</summary>
/// <param name="Text">The reply; null where it could not be read.</param>
/// <param name="PromptTokens">Tokens sent, as the server counts them.</param>
/// <param name="ReplyTokens">Tokens received.</param>
/// <param name="Retries">Requests that failed before.</param>
internal sealed record ChatReply(string? Text, long PromptTokens, long ReplyTokens, int Retries)
{
    private const int LongestKept = 200;

    /// <summary>As much of the text as is kept of it.</summary>
    public string Beginning => Text is { Length: > LongestKept } ? Text[..LongestKept] : Text ?? "";
}

/// <summary>
/// Asks a server that speaks the OpenAI chat API. What a server sends is not trusted: its length, nesting and numbers are limited, redirections are not
/// followed, and the API key
/// is blotted out of everything that it says.
/// </summary>
internal sealed class ChatClient : IDisposable
{
    private const int LongestExcerpt = 300;
    private const long MostTokens = 100_000_000;

    private static readonly TimeSpan LongestPause = TimeSpan.FromMinutes(10);
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    private readonly ChatOptions _options;
    private readonly string _section;
    private readonly string? _key;
    private readonly HttpClient _http;

    /// <summary>Prepares requests.</summary>
    /// <param name="options">Where they go, and how.</param>
    /// <param name="section">The judge's key in the recipe, for messages.</param>
    /// <exception cref="InputException">The environment variable of the API key is not set.</exception>
    public ChatClient(ChatOptions options, string section)
    {
        (_options, _section) = (options, section);
        _key = options.ReadApiKey(section);
        _http = new HttpClient(new SocketsHttpHandler { AllowAutoRedirect = false, UseCookies = false, PooledConnectionLifetime = TimeSpan.FromMinutes(5) })
        {
            Timeout = Timeout.InfiniteTimeSpan,
        };
        if (_key is not null)
        {
            _http.DefaultRequestHeaders.Authorization = new AuthenticationHeaderValue("Bearer", _key);
        }
    }

    /// <summary>The body of a request.</summary>
    public byte[] RequestOf(string question)
    {
        static JsonObject Message(string role, string content) => new() { ["role"] = role, ["content"] = content };
        var request = new JsonObject
        {
            ["model"] = _options.Model,
            ["messages"] = _options.System is { } system
                ? new JsonArray(Message("system", system), Message("user", question))
                : new JsonArray(Message("user", question)),
            ["temperature"] = _options.Temperature,
            ["max_tokens"] = _options.MaxTokens,
        };
        return Encoding.UTF8.GetBytes(request.ToJsonString(Json));
    }

    /// <summary>What a request is known by: SHA-256 (hex) of address and body.</summary>
    public string HashOf(byte[] request) => Convert.ToHexStringLower(SHA256.HashData([.. Encoding.UTF8.GetBytes(_options.Endpoint + "\n"), .. request]));

    /// <summary>Sends a request, again and again where it fails in a way that passes.</summary>
    /// <exception cref="RunFailedException">The server refuses it, or failed too often.</exception>
    public async Task<ChatReply> Ask(byte[] request, CancellationToken cancellation)
    {
        for (var attempt = 0; ; attempt++)
        {
            var (reply, problem, wanted) = await Try(request, cancellation).ConfigureAwait(false);
            if (reply is not null)
            {
                return reply with { Retries = attempt };
            }

            if (attempt >= _options.Retries)
            {
                throw new RunFailedException(string.Create(CultureInfo.InvariantCulture,
                    $"The judge at {_options.Endpoint} failed {attempt + 1} times in a row, the last time by: {problem}. What it has judged is kept; resume the run when it works again."));
            }

            await Pause(attempt, wanted, cancellation).ConfigureAwait(false);
        }
    }

    /// <summary>Asks until the reply can be read, as often as the options say.</summary>
    /// <returns>The last reply, with the tokens and failures of all, and how many there were.</returns>
    /// <exception cref="RunFailedException">The server refuses it, or failed too often.</exception>
    public async Task<(ChatReply Reply, int Calls)> AskUntil(byte[] request, Func<string?, bool> isReadable, CancellationToken cancellation)
    {
        var sum = new ChatReply(null, 0, 0, 0);
        for (var calls = 1; ; calls++)
        {
            var reply = await Ask(request, cancellation).ConfigureAwait(false);
            sum = new ChatReply(reply.Text, sum.PromptTokens + reply.PromptTokens, sum.ReplyTokens + reply.ReplyTokens, sum.Retries + reply.Retries);
            if (isReadable(reply.Text) || calls > _options.AskAgain)
            {
                return (sum, calls);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task Pause(int attempt, TimeSpan? wanted, CancellationToken cancellation)
    {
        if (wanted > LongestPause)
        {
            throw new RunFailedException(
                string.Create(
                    CultureInfo.InvariantCulture,
                    $"The judge at {_options.Endpoint} asks for a pause of {wanted.Value.TotalMinutes:0} minutes. What it has judged is kept; resume the run then."));
        }

        // Spread, so that requests that failed together do not come back together.
        var own = TimeSpan.FromSeconds(
            Math.Min(_options.BackoffSeconds * Math.Pow(2, Math.Min(attempt, 20)) * (0.75 + (0.5 * Random.Shared.NextDouble())), LongestPause.TotalSeconds));
        await Task.Delay(wanted > own ? wanted.Value : own, cancellation).ConfigureAwait(false);
    }

    private async Task<(ChatReply? Reply, string Problem, TimeSpan? Wait)> Try(byte[] request, CancellationToken cancellation)
    {
        using var limit = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        limit.CancelAfter(TimeSpan.FromSeconds(_options.TimeoutSeconds));
        try
        {
            using var content = new ByteArrayContent(request);
            content.Headers.ContentType = new MediaTypeHeaderValue("application/json");
            using var message = new HttpRequestMessage(HttpMethod.Post, _options.Endpoint) { Content = content };
            using var response = await _http.SendAsync(message, HttpCompletionOption.ResponseHeadersRead, limit.Token).ConfigureAwait(false);
            var body = await ReadBody(response, limit.Token).ConfigureAwait(false);
            if (response.IsSuccessStatusCode)
            {
                return (ReplyOf(body), "", null);
            }

            var status = string.Create(CultureInfo.InvariantCulture, $"status {(int)response.StatusCode}: {Excerpt(body)}");
            return response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError
                ? (null, status, PauseOf(response.Headers.RetryAfter))
                : throw new RunFailedException($"The judge at {_options.Endpoint} refuses with {status}. {WhatToDo(response.StatusCode)}");
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            return (null, string.Create(CultureInfo.InvariantCulture, $"no reply within {_options.TimeoutSeconds} s"), null);
        }
        catch (Exception exception) when (exception is HttpRequestException or IOException)
        {
            return (null, Shown(exception.Message), null);
        }
    }

    private string WhatToDo(HttpStatusCode status) => status is HttpStatusCode.Unauthorized or HttpStatusCode.Forbidden
        ? _options.ApiKeyVariable is { } variable ? $"Look at the key in the environment variable {variable}." : $"It may want a key: name its environment variable in {_section}.api_key_variable."
        : $"Look at {_section}.url and {_section}.model.";

    private static TimeSpan? PauseOf(RetryConditionHeaderValue? header) => header?.Delta ?? (header?.Date is { } date ? date - DateTimeOffset.UtcNow : null);

    /// <summary>The body; null where it is too long.</summary>
    private static async Task<byte[]?> ReadBody(HttpResponseMessage response, CancellationToken cancellation)
    {
        using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        int read;
        while ((read = await stream.ReadAsync(buffer, cancellation).ConfigureAwait(false)) > 0)
        {
            if (body.Length + read > Limits.JudgeReply)
            {
                return null;
            }

            body.Write(buffer, 0, read);
        }

        return body.ToArray();
    }

    private ChatReply ReplyOf(byte[]? body)
    {
        var root = StrictJson.TryParse(body, Limits.JudgeReplyDepth);
        var text = Find(Find(First(Find(root, "choices")), "message"), "content") is { ValueKind: JsonValueKind.String } content
            ? Blotted(content.GetString()!)
            : null;
        var usage = Find(root, "usage");
        return new ChatReply(text, CountOf(Find(usage, "prompt_tokens")), CountOf(Find(usage, "completion_tokens")), 0);
    }

    private static JsonElement? Find(JsonElement? value, string name) =>
        value is { ValueKind: JsonValueKind.Object } item && item.TryGetProperty(name, out var found) ? found : null;

    private static JsonElement? First(JsonElement? value) => value is { ValueKind: JsonValueKind.Array } list && list.GetArrayLength() > 0 ? list[0] : null;

    private static long CountOf(JsonElement? value) =>
        value is { ValueKind: JsonValueKind.Number } number && number.TryGetInt64(out var count) && count is >= 0 and <= MostTokens ? count : 0;

    // What an API's error says in words, or how the body begins.
    private string Excerpt(byte[]? body)
    {
        var text = body is null ? "(too long)" : Encoding.UTF8.GetString(body);
        if (Find(Find(StrictJson.TryParse(body, Limits.JudgeReplyDepth), "error"), "message") is { ValueKind: JsonValueKind.String } message)
        {
            text = message.GetString()!;
        }

        return Shown(text);
    }

    private string Shown(string text) => VisibleText.Plain(Blotted(text) is { Length: > LongestExcerpt } whole ? whole[..LongestExcerpt] + "…" : Blotted(text));

    private string Blotted(string text) => _key is null ? text : text.Replace(_key, "***", StringComparison.Ordinal);
}
