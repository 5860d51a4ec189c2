namespace Rlhf.Hub;

/// <summary>Where names of models and data sets lead: the variables that Hugging Face's own programs read too, so that one cache and one token
/// serve all.</summary>
/// <param name="Endpoint">The hub, or a mirror of it: <c>HF_ENDPOINT</c>.</param>
/// <param name="Cache">The folder of downloaded files: <c>HF_HUB_CACHE</c>, else <c>hub</c> in <c>HF_HOME</c>, else <c>~/.cache/huggingface/hub</c>.</param>
/// <param name="Token">Who asks: <c>HF_TOKEN</c>, else the first line of <c>HF_HOME/token</c>; null without one.</param>
/// <param name="TokenSource">Where the token is from, for a person; null without one.</param>
/// <param name="Offline">Nothing is asked of the hub: <c>HF_HUB_OFFLINE</c>.</param>
public sealed record HubSettings(Uri Endpoint, string Cache, string? Token, string? TokenSource, bool Offline)
{
    private const string DefaultEndpoint = "https://huggingface.co";
    private const int LongestToken = 4096;

    /// <summary>Copies in place of links: <c>HF_HUB_DISABLE_SYMLINKS</c>.</summary>
    public bool Copies { get; init; }

    /// <summary>How often in a row a request may fail in a way that passes.</summary>
    internal int Attempts { get; init; } = 6;

    /// <summary>The first pause after such a failure; each one is twice as long as the one before.</summary>
    internal TimeSpan FirstPause { get; init; } = TimeSpan.FromSeconds(1);

    /// <summary>How long a server may say nothing.</summary>
    internal TimeSpan Silence { get; init; } = TimeSpan.FromSeconds(60);

    /// <summary>Reads the environment.</summary>
    /// <exception cref="InputException">A variable's value cannot be used.</exception>
    public static HubSettings FromEnvironment() => From(Environment.GetEnvironmentVariable);

    /// <summary>Reads variables.</summary>
    /// <param name="variable">A variable's value; null where it is not set.</param>
    /// <exception cref="InputException">A value cannot be used.</exception>
    internal static HubSettings From(Func<string, string?> variable)
    {
        string? Get(string name) => variable(name) is { Length: > 0 } value ? value : null;
        string? Folder(string name) => Get(name) is { } value ? Path.GetFullPath(WithHome(Environment.ExpandEnvironmentVariables(value))) : null;
        var home = Folder("HF_HOME")
            ?? Path.Combine(Folder("XDG_CACHE_HOME") ?? Path.Combine(UserFolder, ".cache"), "huggingface");
        var cache = Folder("HF_HUB_CACHE") ?? Folder("HUGGINGFACE_HUB_CACHE") ?? Path.Combine(home, "hub");
        var (token, source) = TokenOf(Get, Folder("HF_TOKEN_PATH") ?? Path.Combine(home, "token"));
        return new HubSettings(EndpointOf(Get("HF_ENDPOINT")), cache, token, source, IsTrue(Get("HF_HUB_OFFLINE") ?? Get("TRANSFORMERS_OFFLINE")))
        {
            Copies = IsTrue(Get("HF_HUB_DISABLE_SYMLINKS")),
        };
    }

    /// <summary>The hub's address as people write it.</summary>
    public string Shown => Endpoint.AbsoluteUri.TrimEnd('/');

    private static string UserFolder => Environment.GetFolderPath(Environment.SpecialFolder.UserProfile);

    private static string WithHome(string path) => path == "~" || path.StartsWith("~/", StringComparison.Ordinal) ? UserFolder + path[1..] : path;

    private static bool IsTrue(string? value) => value?.ToUpperInvariant() is "1" or "ON" or "YES" or "TRUE" or "Y";

    private static Uri EndpointOf(string? value) =>
        Uri.TryCreate((value ?? DefaultEndpoint).TrimEnd('/') + "/", UriKind.Absolute, out var uri) && uri.Scheme is "http" or "https" && uri.Query.Length == 0
            ? uri
            : throw new InputException($"HF_ENDPOINT: expected an address such as {DefaultEndpoint}, found '{value}'.");

    private static (string? Token, string? Source) TokenOf(Func<string, string?> variable, string file)
    {
        if (IsTrue(variable("HF_HUB_DISABLE_IMPLICIT_TOKEN")))
        {
            return (null, null);
        }

        foreach (var name in (string[])["HF_TOKEN", "HUGGING_FACE_HUB_TOKEN"])
        {
            if (variable(name)?.Trim() is { Length: > 0 } token)
            {
                return (Sound(token, name), name);
            }
        }

        return File.Exists(file) && WholeFile.Text(file, LongestToken).Trim() is { Length: > 0 } kept ? (Sound(kept, file), file) : (null, null);
    }

    // It becomes a line of a request: an end of line in it would begin another.
    private static string Sound(string token, string source) => token.Length <= LongestToken && token.All(static sign => sign is > ' ' and < (char)127)
        ? token
        : throw new InputException($"{source}: this is no token: expected letters, digits and signs on one line.");

    /// <summary>Everything but the token, which is no one's to see.</summary>
    public override string ToString() => $"{Shown}, cache {Cache}";
}
