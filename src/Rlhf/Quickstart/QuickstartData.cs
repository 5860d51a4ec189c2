using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Quickstart;

/// <summary>How many rows of each set are generated.</summary>
/// <param name="Demonstrations">Prompts with an answer of mixed quality.</param>
/// <param name="Prompts">Prompts without answer, none of them demonstrated, for sampling and PPO.</param>
/// <param name="Texts">Paragraphs of plain text.</param>
/// <param name="Seed">Seed of the grammar.</param>
public sealed record QuickstartCounts(int Demonstrations = 8000, int Prompts = 4000, int Texts = 4000, ulong Seed = 1);

/// <summary>
/// The quickstart's data sets as JSON lines, so that stages read them as they read any data. A recipe names a set by its address
/// (<c>quickstart:demonstrations</c>, <c>quickstart:prompts</c>, <c>quickstart:text</c>) instead of a path.
/// </summary>
public static class QuickstartData
{
    /// <summary>What every address begins with.</summary>
    public const string Scheme = "quickstart:";

    private static readonly string[] Names = ["demonstrations", "prompts", "text"];
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>Whether a recipe's data path is the address of a generated set.</summary>
    public static bool IsAddress(string path) => path.StartsWith(Scheme, StringComparison.Ordinal);

    /// <summary>Writes the set of an address into <paramref name="folder"/> and returns the file's path.</summary>
    /// <exception cref="InputException">There is no such set.</exception>
    public static string WriteSet(string address, string folder, QuickstartCounts? counts = null)
    {
        var name = address[(IsAddress(address) ? Scheme.Length : 0)..];
        if (!Names.Contains(name, StringComparer.Ordinal))
        {
            throw new InputException($"There is no generated data set \"{address}\": there are {string.Join(", ", Names.Select(known => Scheme + known))}.");
        }

        Directory.CreateDirectory(folder);
        var path = Path.Combine(folder, name + ".jsonl");
        File.WriteAllText(path, string.Concat(Rows(name, counts ?? new QuickstartCounts()).Select(row => JsonSerializer.Serialize(row, Json) + "\n")));
        return path;
    }

    /// <summary>
    /// Writes <c>demonstrations.jsonl</c> (prompt, response, quality), <c>prompts.jsonl</c> (prompt) and <c>text.jsonl</c> (text) into
    /// <paramref name="folder"/> and returns their paths. The same counts and seed give the same bytes.
    /// </summary>
    public static IReadOnlyList<string> Write(string folder, QuickstartCounts? counts = null) =>
        [.. Names.Select(name => WriteSet(Scheme + name, folder, counts))];

    private static IEnumerable<object> Rows(string name, QuickstartCounts counts)
    {
        var grammar = new InstructionGrammar(counts.Seed);
        return name switch
        {
            "demonstrations" => grammar.Demonstrations(counts.Demonstrations)
                .Select(row => new { prompt = row.Request.Prompt, response = row.Response, quality = QualityName(row.Quality) }),
            "prompts" => grammar.Prompts(counts.Prompts).Select(request => new { prompt = request.Prompt }),
            _ => grammar.Texts(counts.Texts).Select(text => new { text }),
        };
    }

    private static string QualityName(AnswerQuality quality) => quality switch
    {
        AnswerQuality.Good => "good",
        AnswerQuality.Curt => "curt",
        AnswerQuality.Wrong => "wrong",
        AnswerQuality.Rude => "rude",
        _ => throw new ArgumentOutOfRangeException(nameof(quality), quality, null),
    };
}
