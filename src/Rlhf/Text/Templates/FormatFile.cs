using System.Text.Json;
using System.Text.Json.Serialization;
using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>
/// <c>prompt_format.json</c> in a model's folder: how prompts and answers were written when the model was trained, so that nobody has to say it again. Other
/// programs ignore the file.
/// </summary>
public static class FormatFile
{
    /// <summary>The file's name.</summary>
    public const string Name = "prompt_format.json";

    private static readonly JsonSerializerOptions Json = new()
    {
        PropertyNamingPolicy = JsonNamingPolicy.SnakeCaseLower,
        Converters = { new JsonStringEnumConverter(JsonNamingPolicy.KebabCaseLower, allowIntegerValues: false) },
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        WriteIndented = true,
        NewLine = "\n",
    };

    /// <summary>The format that a folder names; null where it names none.</summary>
    /// <exception cref="InputException">The file is broken.</exception>
    public static FormatOptions? Read(string folder)
    {
        var path = Path.Combine(folder, Name);
        return File.Exists(path) ? StrictJson.Read<FormatOptions>(path, WholeFile.Bytes(path, Limits.HandWrittenFile), Json) : null;
    }

    /// <summary>
    /// The options with <c>auto</c> replaced: by the format that was written beside a model, else by its chat template, else by plain text. What else the
    /// options say stays, over what was
    /// written.
    /// </summary>
    /// <param name="options">What is asked for.</param>
    /// <param name="own">What was written; null for nothing.</param>
    /// <param name="tokenizer">The model's tokenizer; null without a model.</param>
    internal static FormatOptions Resolve(FormatOptions options, FormatOptions? own, Tokenizer? tokenizer)
    {
        if (options.Template != FormatTemplate.Auto)
        {
            return options;
        }

        if (own is null or { Template: FormatTemplate.Auto })
        {
            return options with { Template = tokenizer?.ChatTemplate is null ? FormatTemplate.Plain : FormatTemplate.Tokenizer };
        }

        return own with
        {
            AddBos = options.AddBos == BeginningOfSequence.Auto ? own.AddBos : options.AddBos,
            AddEos = options.AddEos && own.AddEos,
            Variables = options.Variables.Concat(own.Variables).DistinctBy(pair => pair.Key).ToDictionary(StringComparer.Ordinal),
            Date = options.Date ?? own.Date,
        };
    }

    /// <summary>The file's content for a format.</summary>
    public static byte[] Write(FormatOptions options) => [.. JsonSerializer.SerializeToUtf8Bytes(options, Json), (byte)'\n'];
}
