using Rlhf.Data;

namespace Rlhf.World;

/// <summary>A demonstration with the quality that the grammar meant it to have (the trainer does not see it).</summary>
/// <param name="Request">What is asked.</param>
/// <param name="Response">The answer.</param>
/// <param name="Quality">The meant quality.</param>
public sealed record GeneratedDemonstration(Request Request, string Response, AnswerQuality Quality);

/// <summary>
/// Generates the data of the quickstart: requests about the <see cref="World"/>, in several phrasings and with or without a name, and
/// answers of four qualities. The same seed gives the same data, whatever is asked for first, and fewer rows are the beginning of more.
/// Demonstrations, prompts and evaluation prompts share no prompt, by hash: an evaluation prompt is a fact in a phrasing and with a
/// name that no other set has together, while the fact itself occurs in training.
/// </summary>
public sealed class InstructionGrammar(ulong seed)
{
    private const double NamedShare = 0.5;
    private const double CurtShareOfTexts = 0.3;
    private const string SplitSalt = "quickstart";
    private static readonly double[] SplitShares = [0.1, 0.4];

    /// <summary>Demonstrations at most: the grammar has about 4,700 distinct ones, and stays even over the kinds up to here.</summary>
    public const int MostDemonstrations = 4_000;

    /// <summary>Prompts at most, of about 3,800.</summary>
    public const int MostPrompts = 3_000;

    /// <summary>Evaluation prompts at most.</summary>
    public const int MostEvaluationPrompts = 500;

    private enum Part
    {
        Evaluation,
        Prompts,
        Demonstrations,
    }

    /// <summary>Demonstrations of mixed quality.</summary>
    public IReadOnlyList<GeneratedDemonstration> Demonstrations(int count, QualityMix? mix = null)
    {
        var shares = (mix ?? new QualityMix()).Checked();
        return [.. Requests(Part.Demonstrations, count, MostDemonstrations).Select((request, row) =>
        {
            var random = SplitMix64.OfRow(seed, "demonstration", row);
            var quality = shares.At(random.Uniform());
            return new GeneratedDemonstration(request, AnswerWriter.Write(request, quality, random), quality);
        })];
    }

    /// <summary>Requests to sample answers to, none of which is ever demonstrated.</summary>
    public IReadOnlyList<Request> Prompts(int count) => [.. Requests(Part.Prompts, count, MostPrompts)];

    /// <summary>Requests that stand in no other set.</summary>
    public IReadOnlyList<Request> EvaluationPrompts(int count) => [.. Requests(Part.Evaluation, count, MostEvaluationPrompts)];

    /// <summary>Plain text for pretraining: short paragraphs of questions with their true answers, each of <paramref name="facts"/> facts of any
    /// kinds.</summary>
    public IReadOnlyList<string> Texts(int count, int facts = 4) =>
        [.. Enumerable.Range(0, count).Select(row =>
        {
            var random = SplitMix64.OfRow(seed, "text", row);
            return string.Join(' ', Enumerable.Range(0, facts).Select(_ => QuestionAndAnswer(random)));
        })];

    /// <summary>An answer of the wanted quality; another <paramref name="variant"/> gives another wording.</summary>
    public string Answer(Request request, AnswerQuality quality, int variant = 0) =>
        AnswerWriter.Write(request, quality, SplitMix64.OfRow(seed, "answer:" + request.Prompt, variant));

    // Distinct requests in a fixed order, all kinds alike.
    private IEnumerable<Request> Requests(Part part, int count, int most)
    {
        if (count < 0 || count > most)
        {
            throw new InputException($"The quickstart grammar makes 0 to {most} rows of this set ({part.ToString().ToLowerInvariant()}), not {count}.");
        }

        var seen = new HashSet<string>(StringComparer.Ordinal);
        for (long row = 0; seen.Count < count; row++)
        {
            var request = Draw(row);
            if (PromptSplit.PartOf(request.Prompt, SplitShares, SplitSalt) == (int)part && seen.Add(request.Prompt))
            {
                yield return request;
            }
        }
    }

    // Kinds take turns, and so do the facts of a kind: every fact is asked for about equally often and none is left to luck.
    private Request Draw(long row)
    {
        var random = SplitMix64.OfRow(seed, "request", row);
        var kind = World.Kinds[(int)(row % World.Kinds.Count)];
        var fact = kind.Facts[(int)(row / World.Kinds.Count % kind.Facts.Count)];
        var name = random.Chance(NamedShare) ? random.Pick(Phrasebook.Names) : null;
        return Request.Compose(kind, fact, random.Pick(kind.Phrasings), random.Pick(Phrasebook.Introductions), name);
    }

    // As in a book of questions: nobody is polite and nobody is rude, but people who say their name are called by it.
    private static string QuestionAndAnswer(SplitMix64 random)
    {
        var kind = random.Pick(World.Kinds);
        var fact = random.Pick(kind.Facts);
        var name = random.Chance(NamedShare) ? random.Pick(Phrasebook.Names) : null;
        var request = Request.Compose(kind, fact, random.Pick(kind.Phrasings), random.Pick(Phrasebook.Introductions), name);
        var (answer, mark) = random.Chance(CurtShareOfTexts) ? (kind.Curt, '.') : (random.Pick(kind.Statements), kind.EndMarks[0]);
        return $"{request.Prompt} {fact.Fill(answer, fact.Answer)}{(name is null ? "" : ", " + name)}{mark}";
    }
}
