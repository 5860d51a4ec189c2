using System.Text.Json;

namespace Rlhf.Model.Checkpoints;

/// <summary>All tensors of a model folder: of <c>model.safetensors</c>, or of the shards that its index names.</summary>
internal sealed class CheckpointTensors : IDisposable
{
    public const string SingleFile = "model.safetensors";
    public const string IndexFile = "model.safetensors.index.json";

    private const int MostShards = 4096;

    private readonly List<SafetensorsFile> _files = [];
    private readonly Dictionary<string, SafetensorsFile> _fileOf = new(StringComparer.Ordinal);

    private CheckpointTensors()
    {
    }

    public IReadOnlyCollection<string> Names => _fileOf.Keys;

    /// <exception cref="InputException">There are no safetensors, or they are not sound.</exception>
    public static CheckpointTensors Open(string folder)
    {
        var single = Path.Combine(folder, SingleFile);
        var index = Path.Combine(folder, IndexFile);
        var (hasSingle, hasIndex) = (File.Exists(single), File.Exists(index));
        if (hasSingle == hasIndex)
        {
            throw new InputException(hasSingle
                ? $"{folder}: there are both {SingleFile} and {IndexFile}. Remove the one that is not meant."
                : $"{folder}: there is neither {SingleFile} nor {IndexFile}. Only safetensors are read: convert other formats.");
        }

        var tensors = new CheckpointTensors();
        try
        {
            if (hasSingle)
            {
                tensors.Add(single);
            }
            else
            {
                tensors.AddShards(folder, index);
            }

            return tensors;
        }
        catch
        {
            tensors.Dispose();
            throw;
        }
    }

    public bool Contains(string name) => _fileOf.ContainsKey(name);

    public TensorEntry this[string name] => _fileOf[name].Tensors[name];

    public SafetensorsFile FileOf(string name) => _fileOf[name];

    public void Dispose()
    {
        foreach (var file in _files)
        {
            file.Dispose();
        }
    }

    private void Add(string path)
    {
        var file = SafetensorsFile.Open(path);
        _files.Add(file);
        foreach (var name in file.Tensors.Keys)
        {
            if (!_fileOf.TryAdd(name, file))
            {
                throw new InputException($"{path}: tensor {SafetensorsHeader.Shown(name)} stands in {Path.GetFileName(_fileOf[name].Path)} too.");
            }
        }
    }

    private void AddShards(string folder, string index)
    {
        var map = WeightMap(index);
        var shards = map.Values.Distinct(StringComparer.Ordinal).Order(StringComparer.Ordinal).ToList();
        if (shards.Count > MostShards)
        {
            throw new InputException($"{index}: {shards.Count} shards are more than the {MostShards} that are read.");
        }

        foreach (var shard in shards)
        {
            Add(Path.Combine(folder, shard));
        }

        foreach (var (name, shard) in map)
        {
            if (!_fileOf.TryGetValue(name, out var file) || Path.GetFileName(file.Path) != shard)
            {
                throw new InputException($"{index}: tensor {SafetensorsHeader.Shown(name)} is not in {shard}. The folder is incomplete: fetch it again.");
            }
        }

        if (_fileOf.Keys.FirstOrDefault(name => !map.ContainsKey(name)) is { } stray)
        {
            throw new InputException(
                $"{index}: tensor {SafetensorsHeader.Shown(stray)} of {Path.GetFileName(_fileOf[stray].Path)} is not in the index. Index and shards do not belong together.");
        }
    }

    private static Dictionary<string, string> WeightMap(string index)
    {
        var json = StrictJson.ObjectOf(index, Limits.WeightsIndex);
        if (!json.TryGetProperty("weight_map", out var map) || map.ValueKind != JsonValueKind.Object)
        {
            throw new InputException($"{index}: \"weight_map\" must be an object from tensor names to file names.");
        }

        var result = new Dictionary<string, string>(StringComparer.Ordinal);
        foreach (var property in map.EnumerateObject())
        {
            var shard = property.Value.ValueKind == JsonValueKind.String ? property.Value.GetString()! : string.Empty;
            if (!IsPlainFileName(shard))
            {
                throw new InputException(
                    $"{index}: tensor {SafetensorsHeader.Shown(property.Name)}: {SafetensorsHeader.Shown(shard)} must be the name of a .safetensors file in this folder, without a path.");
            }

            result.Add(property.Name, shard);
        }

        return result;
    }

    // Checked by what may stand in it, so that no system's idea of a path can lead out of the folder.
    private static bool IsPlainFileName(string name) => name.EndsWith(".safetensors", StringComparison.Ordinal) && name[0] != '.'
        && name.All(letter => char.IsAsciiLetterOrDigit(letter) || letter is '-' or '_' or '.');
}
