using System.Net;

namespace Rlhf.Hub;

/// <summary>What a refusal of the hub means, and what to do.</summary>
internal sealed class HubErrors(HubSettings settings)
{
    private const int MostNames = 12;

    /// <summary>The sentence for a person.</summary>
    /// <param name="name">What was asked for.</param>
    /// <param name="refusal">What the hub replied.</param>
    /// <param name="api">Looks for names that may have been meant.</param>
    /// <param name="cancellation">Ends the look.</param>
    public async Task<InputException> Of(HubName name, HubRefusal refusal, HubApi api, CancellationToken cancellation) => refusal switch
    {
        { Code: "GatedRepo" } => Gated(name, refusal.Status),
        { Code: "RevisionNotFound" } => NoRevision(name, await api.References(name, cancellation).ConfigureAwait(false)),
        { Code: "EntryNotFound" } => new InputException($"{name}: the hub has no such file there: it was listed and is gone. Try again."),
        { Code: "DisabledRepo" } => new InputException($"{name.Address}: the hub has disabled this repository: {refusal.Message}."),
        { Status: HttpStatusCode.Unauthorized, Code: not "RepoNotFound" } when settings.Token is not null => new InputException(
            $"{settings.Shown} does not take the token from {settings.TokenSource}: {refusal.Message}. Make a new one at {settings.Shown}/settings/tokens, or leave it away for what is public."),
        { Status: HttpStatusCode.Unauthorized or HttpStatusCode.NotFound } =>
            NoRepository(name, NearestName.Of(name.Repository, await api.Alike(name, cancellation).ConfigureAwait(false))),
        { Status: HttpStatusCode.Forbidden } => new InputException(
            $"{name.Address}: the hub refuses it{(settings.Token is null ? " without a token" : $" to the token from {settings.TokenSource}")}: {refusal.Message}. Look at {Page(name)}."),
        _ => new InputException($"{name.Address}: the hub refuses with {refusal.Message}."),
    };

    /// <summary>A revision that is not there.</summary>
    private static InputException NoRevision(HubName name, IReadOnlyList<string> there)
    {
        var nearest = NearestName.Of(name.RevisionOrMain, there);
        return new InputException(
            $"{name.Address} has no revision '{name.RevisionOrMain}'{(nearest is null ? "" : $"; did you mean '{nearest}'?")}."
            + (there.Count == 0 ? "" : $" It has {string.Join(", ", there.Take(MostNames))}{(there.Count > MostNames ? " and more" : "")}."));
    }

    /// <summary>A file that is not there.</summary>
    public static InputException NoFile(HubName name, string pattern, IReadOnlyList<HubFile> files)
    {
        var names = files.Select(static file => file.Path).ToArray();
        var nearest = HubPath.IsGlob(pattern) ? null
            : NearestName.Of(pattern, names) ?? names.FirstOrDefault(path => path.EndsWith("/" + pattern, StringComparison.OrdinalIgnoreCase));
        var list = names.Where(static path => path is not (".gitattributes" or "README.md")).Order(StringComparer.Ordinal).Take(MostNames).ToArray();
        return new InputException(
            $"{name.WithoutFile}: {(HubPath.IsGlob(pattern) ? "no file fits" : "there is no file")} '{pattern}'{(nearest is null ? "" : $"; did you mean '{nearest}'?")}."
            + (list.Length == 0 ? "" : $" It has {string.Join(", ", list)}{(names.Length > list.Length + 2 ? " and more" : "")}."));
    }

    /// <summary>Nothing here, and nobody to ask.</summary>
    public Exception Unreachable(HubName name, string reason) => settings.Offline
        ? new InputException(
            $"{name}: it is not in the cache {settings.Cache}{(reason.Length > 0 ? $" ({reason})" : "")}, and HF_HUB_OFFLINE says not to ask the hub. Unset it once, or fetch it on a machine with a network: rlhf pull {name.WithoutFile}.")
        : new RunFailedException(
            $"{name}: {settings.Shown} cannot be asked: {reason}. Nothing of it is in the cache {settings.Cache} either. Look at the network, and at HTTPS_PROXY where a proxy is needed; HF_ENDPOINT names a mirror.{NoPath(name)}");

    private InputException Gated(HubName name, HttpStatusCode status) => new(settings.Token is null
        ? $"{name.Address} is gated: its owners ask for consent to conditions. Accept them at {Page(name)} with your account, make a token at {settings.Shown}/settings/tokens and give it in HF_TOKEN (or in HF_HOME/token)."
        : status == HttpStatusCode.Unauthorized
            ? $"{name.Address} is gated, and the hub does not take the token from {settings.TokenSource}. Make a new one at {settings.Shown}/settings/tokens."
            : $"{name.Address} is gated, and the account of the token from {settings.TokenSource} has no access. Accept its conditions at {Page(name)}; a token with fine-grained rights also needs the right to read gated repositories.");

    private InputException NoRepository(HubName name, string? nearest) => new(
        $"{name.Address}: the hub has no such {(name.Kind == HubKind.Dataset ? "data set" : "model")}{(nearest is null ? "" : $"; did you mean {nearest}?")}{(nearest is null ? ", or it is private" : " It may also be private")}: "
        + (settings.Token is null ? "a private one needs a token in HF_TOKEN." : $"the token from {settings.TokenSource} does not open it.")
        + NoPath(name));

    // What is written as a path could be one that was misspelt.
    private static string NoPath(HubName name) => name.Kind == HubKind.Model && name.File is null
        ? $" If '{name}' was meant as a path: there is no such folder here."
        : "";

    private string Page(HubName name) => $"{settings.Shown}/{name.Address}";
}
