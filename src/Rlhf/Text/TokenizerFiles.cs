using Rlhf.Data;

namespace Rlhf.Text;

/// <summary>The files of a folder that make a tokenizer, kept as bytes so that they can be written again unchanged.</summary>
internal sealed class TokenizerFiles
{
    /// <summary>The whole tokenizer in one file.</summary>
    public const string TokenizerJson = "tokenizer.json";

    /// <summary>Special tokens, chat template and other settings.</summary>
    public const string Config = "tokenizer_config.json";

    // The first group belongs to the tokenizer and is saved with it; the second belongs to the model and only names special ids.
    private static readonly string[] OwnFiles =
        [TokenizerJson, Config, "vocab.json", "merges.txt", "added_tokens.json", "special_tokens_map.json", "chat_template.jinja", "tokenizer.model"];

    private static readonly string[] ModelFiles = ["generation_config.json", "config.json"];

    private readonly string _folder;
    private readonly Dictionary<string, byte[]> _contents;

    /// <summary>Takes files from memory.</summary>
    /// <param name="folder">Where they stand, for errors.</param>
    /// <param name="contents">By file name.</param>
    public TokenizerFiles(string folder, Dictionary<string, byte[]> contents)
    {
        _folder = folder;
        _contents = contents;
    }

    /// <summary>Reads those files that a folder has.</summary>
    public static TokenizerFiles Read(string folder)
    {
        if (!Directory.Exists(folder) || (!HasTokenizer(folder) && ForeignFile.NamedModel(folder) is not null))
        {
            throw ForeignFile.NamedModel(folder) is { } what
                ? new InputException($"{folder}: expected a model folder, found {what}.")
                : InputException.Missing($"{folder}: there is no such folder.{ForeignFile.HubAdvice(folder, "model")}");
        }

        var contents = new Dictionary<string, byte[]>();
        foreach (var name in OwnFiles.Concat(ModelFiles))
        {
            var path = Path.Combine(folder, name);
            if (!File.Exists(path))
            {
                continue;
            }

            contents.Add(
                name, WholeFile.Bytes(path, name is TokenizerJson or "vocab.json" or "merges.txt" ? Limits.TokenizerFile : Limits.TokenizerSettingsFile));
        }

        return new TokenizerFiles(folder, contents);
    }

    /// <summary>Whether a folder has a tokenizer.</summary>
    public static bool HasTokenizer(string folder) => File.Exists(Path.Combine(folder, TokenizerJson)) || File.Exists(Path.Combine(folder, "vocab.json"));

    /// <summary>Whether the folder has this file.</summary>
    public bool Has(string name) => _contents.ContainsKey(name);

    /// <summary>The folder's path with a file name, for errors.</summary>
    public string PathOf(string name) => Path.Combine(_folder, name);

    /// <summary>A file's bytes.</summary>
    public byte[] Content(string name) => _contents[name];

    /// <summary>A parsed JSON file; an empty object where it is absent.</summary>
    public PlacedJson Json(string name) => PlacedJson.Parse(PathOf(name), _contents.TryGetValue(name, out var content) ? content : "{}"u8.ToArray());

    /// <summary>Writes the tokenizer's own files into a folder.</summary>
    public void Write(string folder)
    {
        Directory.CreateDirectory(folder);
        foreach (var name in OwnFiles.Where(Has))
        {
            File.WriteAllBytes(Path.Combine(folder, name), _contents[name]);
        }
    }
}
