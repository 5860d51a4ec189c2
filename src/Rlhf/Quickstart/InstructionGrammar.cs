using Rlhf.Data;

namespace Rlhf.Quickstart;

/// <summary>A demonstration with the quality that the grammar meant it to have (the trainer does not see it).</summary>
/// <param name="Request">What is asked.</param>
/// <param name="Response">The answer.</param>
/// <param name="Quality">The meant quality.</param>
public sealed record GeneratedDemonstration(Request Request, string Response, AnswerQuality Quality);

/// <summary>
/// Generates the data of the quickstart: requests about the <see cref="World"/>, in several phrasings and with or without a name, and
/// answers of four qualities. The same seed gives the same data, whatever is asked for first, and fewer rows are the beginning of more.
/// Demonstrations and prompts share no prompt. What is held out is left to <see cref="PromptSplit"/>, as with any data: a held-out
/// prompt is then a fact in a phrasing and with a name that no training row has together, while the fact itself occurs in training.
/// </summary>
public sealed class InstructionGrammar(ulong seed)
{
    private const double NamedShare = 0.5;
    private const double PromptShare = 0.4;
    private const string PromptSalt = "quickstart prompts";

    /// <summary>Rows of a set at most: the grammar has more distinct prompts than this for each, and stays varied up to it.</summary>
    public const int MostRows = 10_000;

    /// <summary>Demonstrations of mixed quality.</summary>
    public IReadOnlyList<GeneratedDemonstration> Demonstrations(int count, QualityMix? mix = null)
    {
        var shares = (mix ?? new QualityMix()).Checked();
        return [.. Requests(demonstrated: true, count).Select((request, row) =>
        {
            var random = new CounterRandom(seed, "demonstration", row);
            var quality = shares.At(random.Uniform());
            return new GeneratedDemonstration(request, AnswerWriter.Write(request, quality, random), quality);
        })];
    }

    /// <summary>Requests to sample answers to, none of which is ever demonstrated.</summary>
    public IReadOnlyList<Request> Prompts(int count) => [.. Requests(demonstrated: false, count)];

    /// <summary>Plain text for pretraining: short paragraphs of true statements, each about <paramref name="sentences"/> facts of any kinds.</summary>
    public IReadOnlyList<string> Texts(int count, int sentences = 6) =>
        [.. Enumerable.Range(0, count).Select(row =>
        {
            var random = new CounterRandom(seed, "text", row);
            return string.Join(' ', Enumerable.Range(0, sentences).Select(_ => TrueSentence(random)));
        })];

    /// <summary>An answer of the wanted quality; another <paramref name="variant"/> gives another wording.</summary>
    public string Answer(Request request, AnswerQuality quality, int variant = 0) =>
        AnswerWriter.Write(request, quality, new CounterRandom(seed, "answer:" + request.Prompt, variant));

    // Distinct requests in a fixed order, all kinds alike.
    private IEnumerable<Request> Requests(bool demonstrated, int count)
    {
        if (count is < 0 or > MostRows)
        {
            throw new InputException($"The quickstart grammar makes 0 to {MostRows} rows of a set, not {count}.");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (long row = 0; seen.Count < count; row++)
        {
            var request = Draw(row);
            if (PromptSplit.IsHeldOut(request.Prompt, PromptShare, PromptSalt) != demonstrated && seen.Add(request.Prompt))
            {
                yield return request;
            }
        }
    }

    // Kinds take turns, and so do the facts of a kind: every fact is asked for about equally often and none is left to luck.
    private Request Draw(long row)
    {
        var random = new CounterRandom(seed, "request", row);
        var kind = World.Kinds[(int)(row % World.Kinds.Count)];
        var fact = kind.Facts[(int)(row / World.Kinds.Count % kind.Facts.Count)];
        var name = random.Chance(NamedShare) ? random.Pick(Phrasebook.Names) : null;
        return Request.Compose(kind, fact, random.Pick(kind.Phrasings), random.Pick(Phrasebook.Introductions), name);
    }

    // Whole sentences only stand by themselves when they name what they are about: the first statement of each kind does.
    private static string TrueSentence(CounterRandom random)
    {
        var kind = random.Pick(World.Kinds);
        var fact = random.Pick(kind.Facts);
        return fact.Fill(kind.Statements[0], fact.Answer) + kind.EndMarks[0];
    }
}
