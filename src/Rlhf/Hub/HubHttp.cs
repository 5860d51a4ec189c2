using System.Globalization;
using System.Net;
using System.Net.Http.Headers;

namespace Rlhf.Hub;

/// <summary>
/// Requests to the hub: redirections are followed by hand, so that the token goes to the hub's own address and never to another; failures that pass are tried
/// again, as late as the server asks.
/// </summary>
internal sealed class HubHttp : IDisposable
{
    private const int MostRedirections = 10;
    private const int LongestWords = 300;
    private static readonly TimeSpan LongestWait = TimeSpan.FromMinutes(10);

    private readonly HubSettings _settings;
    private readonly IHubProgress _progress;
    private readonly HttpClient _http;

    public HubHttp(HubSettings settings, IHubProgress progress)
    {
        (_settings, _progress) = (settings, progress);
        _http = new HttpClient(new SocketsHttpHandler
        {
            AllowAutoRedirect = false,
            UseCookies = false,
            ConnectTimeout = TimeSpan.FromSeconds(30),
            PooledConnectionLifetime = TimeSpan.FromMinutes(5),
        })
        { Timeout = Timeout.InfiniteTimeSpan };
        _http.DefaultRequestHeaders.UserAgent.Add(new ProductInfoHeaderValue("rlhf", "1"));
        _http.DefaultRequestHeaders.AcceptEncoding.Add(new StringWithQualityHeaderValue("identity")); // ranges count the bytes of the file
    }

    /// <summary>The body of a reply, with the address of the next page where there is one.</summary>
    /// <param name="address">Below the hub's own.</param>
    /// <param name="once">Whether one failure is enough.</param>
    /// <param name="cancellation">Ends it.</param>
    /// <exception cref="HubRefusal">The hub refuses.</exception>
    /// <exception cref="HubUnreachableException">It failed too often.</exception>
    public Task<(byte[] Body, string? Next)> Json(string address, bool once, CancellationToken cancellation) =>
        Retry(_settings.Shown, once ? 1 : _settings.Attempts, () => Json(new Uri(_settings.Endpoint, address), cancellation), cancellation);

    /// <summary>Sends a request for a file from a byte on. The caller reads and disposes of the reply, whose status may be anything.</summary>
    /// <exception cref="PassingFailure">The connection failed.</exception>
    public async Task<HttpResponseMessage> Send(Uri uri, long from, CancellationToken cancellation)
    {
        for (var hop = 0; hop < MostRedirections; hop++)
        {
            using var request = new HttpRequestMessage(HttpMethod.Get, uri);
            if (_settings.Token is { } token && IsHub(uri))
            {
                request.Headers.Authorization = new AuthenticationHeaderValue("Bearer", token);
            }

            if (from > 0)
            {
                request.Headers.Range = new RangeHeaderValue(from, null);
            }

            var response = await Guard(silence => _http.SendAsync(request, HttpCompletionOption.ResponseHeadersRead, silence), uri, cancellation)
                .ConfigureAwait(false);
            if ((int)response.StatusCode is not (301 or 302 or 303 or 307 or 308) || response.Headers.Location is not { } location)
            {
                return response;
            }

            response.Dispose();
            var target = new Uri(uri, location);
            uri = target.Scheme == Uri.UriSchemeHttps || (target.Scheme == Uri.UriSchemeHttp && uri.Scheme == Uri.UriSchemeHttp)
                ? target
                : throw new InputException($"{_settings.Shown}: a redirection leads from {uri.Scheme} to {target.Scheme}, which is not followed.");
        }

        throw new InputException($"{_settings.Shown}: more than {MostRedirections} redirections in a row.");
    }

    /// <summary>Reads on, and does not wait for ever.</summary>
    /// <exception cref="PassingFailure">The connection was cut, or nothing came.</exception>
    public Task<int> Read(Stream stream, Memory<byte> buffer, CancellationToken cancellation) =>
        Guard(silence => stream.ReadAsync(buffer, silence).AsTask(), _settings.Endpoint, cancellation);

    /// <summary>Throws what an unhappy status means.</summary>
    public void RequireSuccess(HttpResponseMessage response)
    {
        if (response.IsSuccessStatusCode)
        {
            return;
        }

        string? Header(string name) => response.Headers.TryGetValues(name, out var values) ? Safe(string.Join(' ', values)) : null;
        var words = Header("X-Error-Message") ?? FormattableString.Invariant($"status {(int)response.StatusCode}");
        var isHub = IsHub(response.RequestMessage!.RequestUri!);
        throw response.StatusCode is HttpStatusCode.TooManyRequests or HttpStatusCode.RequestTimeout or >= HttpStatusCode.InternalServerError
            || (!isHub && response.StatusCode is HttpStatusCode.Forbidden or HttpStatusCode.Unauthorized) // a signature of a store of files that has run out
            ? new PassingFailure(FormattableString.Invariant($"status {(int)response.StatusCode}{(words.StartsWith("status", StringComparison.Ordinal) ? "" : $", {words}")}"))
            { Wait = WaitOf(response) }
            : new HubRefusal(response.StatusCode, Header("X-Error-Code"), words);
    }

    /// <summary>Does something again where it failed in a way that passes.</summary>
    /// <exception cref="HubUnreachableException">It failed too often, or the server asks for a longer pause than anyone waits.</exception>
    public async Task<T> Retry<T>(string what, int attempts, Func<Task<T>> action, CancellationToken cancellation)
    {
        for (var attempt = 1; ; attempt++)
        {
            try
            {
                return await action().ConfigureAwait(false);
            }
            catch (PassingFailure failure)
            {
                attempt = failure.Advanced ? 0 : attempt;
                var wait = failure.Wait ?? TimeSpan.Zero;
                if (attempt >= (failure.IsLasting ? Math.Min(attempts, 2) : attempts) || wait > LongestWait)
                {
                    throw new HubUnreachableException(wait > LongestWait
                        ? string.Create(CultureInfo.InvariantCulture, $"{failure.Message}; it asks for a pause of {wait.TotalMinutes:0} minutes")
                        : failure.Message);
                }

                // Spread, so that processes that failed together do not come back together.
                var own = _settings.FirstPause * Math.Pow(2, Math.Min(attempt, 6)) * (0.5 + (0.5 * Random.Shared.NextDouble()));
                var pause = wait > own ? wait : own;
                if (pause >= TimeSpan.FromSeconds(1))
                {
                    _progress.Note(string.Create(CultureInfo.InvariantCulture, $"{what}: {failure.Message}; trying again in {pause.TotalSeconds:0} s"));
                }

                await Task.Delay(pause, cancellation).ConfigureAwait(false);
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _http.Dispose();

    private async Task<(byte[] Body, string? Next)> Json(Uri uri, CancellationToken cancellation)
    {
        using var response = await Send(uri, from: 0, cancellation).ConfigureAwait(false);
        RequireSuccess(response);
        using var stream = await response.Content.ReadAsStreamAsync(cancellation).ConfigureAwait(false);
        using var body = new MemoryStream();
        var buffer = new byte[16 * 1024];
        for (int read; (read = await Read(stream, buffer, cancellation).ConfigureAwait(false)) > 0;)
        {
            if (body.Length + read > Limits.HubReply)
            {
                throw new InputException($"{_settings.Shown}: a reply is longer than {Limits.HubReply} bytes, which no sound one is.");
            }

            body.Write(buffer, 0, read);
        }

        return (body.ToArray(), NextPage(response));
    }

    private bool IsHub(Uri uri) =>
        Uri.Compare(uri, _settings.Endpoint, UriComponents.SchemeAndServer, UriFormat.Unescaped, StringComparison.OrdinalIgnoreCase) == 0;

    private async Task<T> Guard<T>(Func<CancellationToken, Task<T>> action, Uri uri, CancellationToken cancellation)
    {
        using var silence = CancellationTokenSource.CreateLinkedTokenSource(cancellation);
        silence.CancelAfter(_settings.Silence);
        try
        {
            return await action(silence.Token).ConfigureAwait(false);
        }
        catch (OperationCanceledException) when (!cancellation.IsCancellationRequested)
        {
            throw new PassingFailure(string.Create(CultureInfo.InvariantCulture, $"{uri.Host} said nothing for {_settings.Silence.TotalSeconds:0} s"));
        }
        catch (HttpRequestException exception)
        {
            throw exception.HttpRequestError switch
            {
                HttpRequestError.NameResolutionError => new PassingFailure($"the name {uri.Host} cannot be resolved") { IsLasting = true },
                HttpRequestError.ConnectionError => new PassingFailure($"{uri.Authority} does not take the connection") { IsLasting = true },
                HttpRequestError.ProxyTunnelError => new PassingFailure("the proxy does not lead there") { IsLasting = true },
                HttpRequestError.SecureConnectionError => new InputException(
                    $"{uri.Authority}: no secure connection: {FailureText.InPlainWords(exception.InnerException?.Message ?? exception.Message)}. Is a proxy between, whose certificate this machine does not know?"),
                _ => new PassingFailure("the connection was cut"),
            };
        }
        catch (IOException)
        {
            throw new PassingFailure("the connection was cut");
        }
    }

    // A mirror may pass on addresses of the hub that it mirrors: only the path counts.
    private static string? NextPage(HttpResponseMessage response)
    {
        foreach (var link in response.Headers.TryGetValues("Link", out var values) ? values.SelectMany(value => value.Split(',')) : [])
        {
            if (link.Split(';', StringSplitOptions.TrimEntries) is [['<', .. var address, '>'], .. var parameters] && parameters.Contains("rel=\"next\"")
                && Uri.TryCreate(response.RequestMessage!.RequestUri, address, out var next))
            {
                return next.PathAndQuery;
            }
        }

        return null;
    }

    private static TimeSpan? WaitOf(HttpResponseMessage response)
    {
        var header = response.Headers.RetryAfter;
        var wait = header?.Delta ?? (header?.Date is { } date ? date - DateTimeOffset.UtcNow : null);
        if (wait is null && response.Headers.TryGetValues("RateLimit", out var limits)
            && limits.SelectMany(static limit => limit.Split(';')).FirstOrDefault(static part => part.StartsWith("t=", StringComparison.Ordinal)) is { } seconds
            && int.TryParse(seconds[2..], NumberStyles.None, CultureInfo.InvariantCulture, out var number))
        {
            wait = TimeSpan.FromSeconds(number);
        }

        return wait;
    }

    private string Safe(string words)
    {
        var blotted = _settings.Token is { } token ? words.Replace(token, "***", StringComparison.Ordinal) : words;
        return new string([.. blotted.Where(static sign => !char.IsControl(sign)).Take(LongestWords)]);
    }
}
