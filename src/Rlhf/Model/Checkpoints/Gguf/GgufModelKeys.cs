namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>The metadata of one architecture, whose keys begin with its name; remembers which were asked for.</summary>
internal sealed class GgufModelKeys(GgufMetadata metadata, string architecture)
{
    private readonly HashSet<string> _asked = new(StringComparer.Ordinal);

    /// <summary>Keys of the file, without the architecture's name, that nobody has asked for.</summary>
    public IEnumerable<string> NotAsked => metadata.Keys
        .Where(key => key.StartsWith(architecture + ".", StringComparison.Ordinal))
        .Select(key => key[(architecture.Length + 1)..])
        .Where(key => !_asked.Contains(key))
        .Order(StringComparer.Ordinal);

    public bool Has(string key) => metadata.Has(Whole(key));

    public int Count(string key, int? whenAbsent = null) => metadata.Count(Whole(key), whenAbsent);

    public double? Number(string key) => metadata.Number(Whole(key));

    public double Number(string key, double? whenAbsent) =>
        metadata.Number(Whole(key)) ?? whenAbsent ?? throw Refuse(key, "is missing: it must be a number");

    public string? Text(string key) => metadata.Text(Whole(key));

    public InputException Refuse(string key, string why) => metadata.Refuse($"{architecture}.{key}", why);

    private string Whole(string key)
    {
        _asked.Add(key);
        return $"{architecture}.{key}";
    }
}
