using System.Text.Json;

namespace Rlhf.Hub;

/// <summary>What the hub says of a repository: its commit, its files, its branches and tags. Nothing of it is believed without a look at its
/// form.</summary>
internal sealed class HubApi(HubSettings settings, HubHttp http, IHubProgress progress)
{
    private const int MostPages = 1000;

    private static readonly JsonDocumentOptions Strict = new() { AllowDuplicateProperties = false, MaxDepth = 32 };

    /// <summary>The commit that a revision means now.</summary>
    /// <exception cref="InputException">There is no such repository or revision, or it may not be read.</exception>
    /// <exception cref="HubUnreachableException">The hub does not answer.</exception>
    public async Task<string> Commit(HubName name, CancellationToken cancellation)
    {
        var address = $"{Repository(name)}/revision/{Uri.EscapeDataString(name.RevisionOrMain)}";
        var json = Parse(address, (await Asked(name, address, cancellation).ConfigureAwait(false)).Body);
        var commit = json["sha"].Text();
        if (!HubName.IsCommit(commit))
        {
            throw json["sha"].Refuse("expected a commit of 40 hexadecimal digits");
        }

        if (json["id"].OptionalText() is { } id && id != name.Repository && HubName.Find($"{HubName.Scheme}{id}") is { } now
            && !string.Equals(now.Repository, name.Repository, StringComparison.OrdinalIgnoreCase))
        {
            progress.Note($"{name.Repository} is called {now.Repository} now");
        }

        return commit;
    }

    /// <summary>All files of a repository at a commit.</summary>
    /// <inheritdoc cref="Commit" path="/exception"/>
    public async Task<IReadOnlyList<HubFile>> Files(HubName name, string commit, CancellationToken cancellation)
    {
        var files = new Dictionary<string, HubFile>(StringComparer.Ordinal);
        var address = $"{Repository(name)}/tree/{commit}?recursive=true";
        for (var page = 0; address is not null; page++)
        {
            var (body, next) = await Asked(name, address, cancellation).ConfigureAwait(false);
            foreach (var item in Parse(address, body).Items().Where(static item => item["type"].Text() == "file"))
            {
                var file = FileOf(item);
                if (!files.TryAdd(file.Path, file))
                {
                    throw item.Refuse("this file is listed twice");
                }
            }

            address = next;
            if (files.Count > Limits.HubFiles || page == MostPages)
            {
                throw new InputException($"{name}: it has more than {Limits.HubFiles} files, which are too many to look through.");
            }
        }

        return [.. files.Values];
    }

    /// <summary>Branches and tags; none where the hub does not say.</summary>
    public async Task<IReadOnlyList<string>> References(HubName name, CancellationToken cancellation)
    {
        var address = $"{Repository(name)}/refs";
        return await Ask(address, json => ((string[])["branches", "tags"]).Select(kind => json[kind]).Where(static list => !list.IsNull)
            .SelectMany(static list => list.Items()).Select(static item => item["name"].Text()), cancellation).ConfigureAwait(false);
    }

    /// <summary>Names of repositories that may have been meant: those of the same owner, else those that are found by name.</summary>
    public async Task<IReadOnlyList<string>> Alike(HubName name, CancellationToken cancellation)
    {
        var kind = name.Kind == HubKind.Dataset ? "datasets" : "models";
        var parts = name.Repository.Split('/');
        async Task<IReadOnlyList<string>> Find(string query) => await Ask($"api/{kind}?{query}&limit=300",
            static json => json.Items().Select(static item => item["id"].Text()), cancellation).ConfigureAwait(false);
        return await Find($"author={parts[0]}").ConfigureAwait(false) is { Count: > 0 } own ? own : await Find($"search={parts[1]}").ConfigureAwait(false);
    }

    private static string Repository(HubName name) => $"api/{(name.Kind == HubKind.Dataset ? "datasets" : "models")}/{name.Repository}";

    private async Task<(byte[] Body, string? Next)> Asked(HubName name, string address, CancellationToken cancellation)
    {
        try
        {
            return await http.Json(address, once: false, cancellation).ConfigureAwait(false);
        }
        catch (HubRefusal refusal)
        {
            throw await Errors.Of(name, refusal, this, cancellation).ConfigureAwait(false);
        }
    }

    private HubErrors Errors => new(settings);

    // For advice only: whatever goes wrong, there is none.
    private async Task<IReadOnlyList<string>> Ask(string address, Func<PlacedJson, IEnumerable<string>> read, CancellationToken cancellation)
    {
        try
        {
            return [.. read(Parse(address, (await http.Json(address, once: true, cancellation).ConfigureAwait(false)).Body))];
        }
        catch (Exception exception) when (exception is HubRefusal or HubUnreachableException or InputException)
        {
            return [];
        }
    }

    private PlacedJson Parse(string address, byte[] body)
    {
        var place = $"{settings.Shown}/{address.TrimStart('/')}";
        return new PlacedJson(place, "", StrictJson.Sound(place, StrictJson.Parse(place, body, Strict)));
    }

    private static HubFile FileOf(PlacedJson item)
    {
        var large = item["lfs"];
        var size = (large.IsNull ? item : large)["size"];
        return new HubFile(
            item["path"].Text(),
            size.Element.ValueKind == JsonValueKind.Number && size.Element.TryGetInt64(out var bytes) && bytes >= 0 ? bytes : throw size.Refuse("expected a number of bytes"),
            HashOf(item["oid"], 40),
            large.IsNull ? null : HashOf(large["oid"], 64));
    }

    private static string HashOf(PlacedJson value, int digits) => value.Text() is var text && text.Length == digits && text.All(char.IsAsciiHexDigitLower)
        ? text
        : throw value.Refuse(FormattableString.Invariant($"expected a hash of {digits} hexadecimal digits"));
}
