using System.Text;
using System.Text.Encodings.Web;
using System.Text.Json;

namespace Rlhf.World;

/// <summary>How many rows of each set are generated.</summary>
/// <param name="Demonstrations">Prompts with an answer of mixed quality.</param>
/// <param name="Prompts">Prompts without answer, none of them demonstrated, for sampling and PPO.</param>
/// <param name="EvaluationPrompts">Prompts that stand in no other set.</param>
/// <param name="Texts">Pieces of plain text.</param>
/// <param name="FactsPerText">Questions with their answers in each of them.</param>
/// <param name="Seed">Seed of the grammar.</param>
public sealed record QuickstartCounts(
    int Demonstrations = 4000, int Prompts = 2000, int EvaluationPrompts = 300, int Texts = 2000, int FactsPerText = 4, ulong Seed = 1);

/// <summary>A generated data set.</summary>
public enum QuickstartSet
{
    /// <summary>Rows of prompt, response and the quality that was meant.</summary>
    Demonstrations,

    /// <summary>Prompts to sample answers to.</summary>
    Prompts,

    /// <summary>Prompts that stand in no other set.</summary>
    EvaluationPrompts,

    /// <summary>Questions with their true answers.</summary>
    Text,
}

/// <summary>The quickstart's data sets as JSON lines, so that stages read them as they read any data.</summary>
public static class QuickstartData
{
    private static readonly JsonSerializerOptions Json = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping };

    /// <summary>
    /// Writes <c>demonstrations.jsonl</c> (prompt, response, quality), <c>prompts.jsonl</c> and <c>evaluation_prompts.jsonl</c> (prompt) and
    /// <c>text.jsonl</c> (text) into <paramref name="folder"/> and returns their paths. The same counts give the same bytes.
    /// </summary>
    public static IReadOnlyDictionary<QuickstartSet, string> Write(string folder, QuickstartCounts counts)
    {
        Directory.CreateDirectory(folder);
        var grammar = new InstructionGrammar(counts.Seed);
        return Enum.GetValues<QuickstartSet>().ToDictionary(set => set, set =>
        {
            var path = Path.Combine(folder, SnakeCase.Of(set) + ".jsonl");
            var rows = Encoding.UTF8.GetBytes(string.Concat(Rows(grammar, set, counts).Select(row => JsonSerializer.Serialize(row, Json) + "\n")));
            DurableFiles.WriteAtomically(path, stream => stream.Write(rows));
            return path;
        });
    }

    private static IEnumerable<object> Rows(InstructionGrammar grammar, QuickstartSet set, QuickstartCounts counts) => set switch
    {
        QuickstartSet.Demonstrations => grammar.Demonstrations(counts.Demonstrations)
            .Select(row => new { prompt = row.Request.Prompt, response = row.Response, quality = SnakeCase.Of(row.Quality) }),
        QuickstartSet.Prompts => grammar.Prompts(counts.Prompts).Select(request => new { prompt = request.Prompt }),
        QuickstartSet.EvaluationPrompts => grammar.EvaluationPrompts(counts.EvaluationPrompts).Select(request => new { prompt = request.Prompt }),
        QuickstartSet.Text => grammar.Texts(counts.Texts, counts.FactsPerText).Select(text => new { text }),
        _ => throw new ArgumentOutOfRangeException(nameof(set), set, null),
    };
}
