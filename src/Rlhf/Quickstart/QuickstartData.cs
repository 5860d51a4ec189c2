using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.Quickstart;

/// <summary>How many rows of each set are generated.</summary>
/// <param name="Demonstrations">Training prompts with an answer of mixed quality.</param>
/// <param name="Prompts">Training prompts without answer, none of them demonstrated, for sampling and PPO.</param>
/// <param name="HeldOut">Prompts that no training set holds.</param>
/// <param name="Texts">Paragraphs of plain text.</param>
/// <param name="Seed">Seed of the grammar.</param>
public sealed record QuickstartCounts(int Demonstrations = 6000, int Prompts = 3000, int HeldOut = 300, int Texts = 3000, ulong Seed = 1);

/// <summary>Writes the quickstart's data sets as JSON lines, so that stages read them as they read any data.</summary>
public static class QuickstartData
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Writes <c>demonstrations.jsonl</c> (prompt, response, quality), <c>prompts.jsonl</c> and <c>held-out.jsonl</c> (prompt), and
    /// <c>text.jsonl</c> (text) into <paramref name="folder"/>. The same counts and seed give the same bytes.
    /// </summary>
    public static void Write(string folder, QuickstartCounts counts)
    {
        var grammar = new InstructionGrammar(counts.Seed);
        Directory.CreateDirectory(folder);
        WriteRows(Path.Combine(folder, "demonstrations.jsonl"), grammar.Demonstrations(counts.Demonstrations)
            .Select(row => new { prompt = row.Request.Prompt, response = row.Response, quality = QualityName(row.Quality) }));
        WriteRows(Path.Combine(folder, "prompts.jsonl"), grammar.TrainingRequests(counts.Demonstrations, counts.Prompts).Select(row => new { prompt = row.Prompt }));
        WriteRows(Path.Combine(folder, "held-out.jsonl"), grammar.HeldOutRequests(counts.HeldOut).Select(row => new { prompt = row.Prompt }));
        WriteRows(Path.Combine(folder, "text.jsonl"), grammar.Texts(counts.Texts).Select(text => new { text }));
    }

    private static void WriteRows<T>(string path, IEnumerable<T> rows) =>
        File.WriteAllText(path, string.Concat(rows.Select(row => JsonSerializer.Serialize(row, Json) + "\n")));

    private static string QualityName(AnswerQuality quality) => quality switch
    {
        AnswerQuality.Good => "good",
        AnswerQuality.Curt => "curt",
        AnswerQuality.Wrong => "wrong",
        AnswerQuality.Rude => "rude",
        _ => throw new ArgumentOutOfRangeException(nameof(quality), quality, null),
    };
}
