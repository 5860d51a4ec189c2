using Rlhf.Data;

namespace Rlhf.Quickstart;

/// <summary>A demonstration with the quality that the grammar meant it to have (the trainer does not see it).</summary>
/// <param name="Request">What is asked.</param>
/// <param name="Response">The answer.</param>
/// <param name="Quality">The meant quality.</param>
public sealed record GeneratedDemonstration(Request Request, string Response, AnswerQuality Quality);

/// <summary>
/// Generates the data of the quickstart: requests about the <see cref="World"/>, in several phrasings and with or without a name, and
/// answers of four qualities. The same seed gives the same data, whatever is asked for first. Held-out prompts are new combinations of
/// known parts: a fact in a phrasing and with a name that no training row has together.
/// </summary>
public sealed class InstructionGrammar(ulong seed, double heldOut = 0.1)
{
    private const double NamedShare = 0.5;

    // A draw that gives only prompts already seen this often in a row has run dry.
    private const int PatienceForNewPrompts = 20_000;

    /// <summary>Demonstrations of mixed quality for the first <paramref name="count"/> training prompts.</summary>
    public IReadOnlyList<GeneratedDemonstration> Demonstrations(int count, QualityMix? mix = null)
    {
        var shares = (mix ?? new QualityMix()).Checked();
        return [.. Requests(training: true).Take(count).Select((request, row) =>
        {
            var random = new CounterRandom(seed, "demonstration", row);
            var quality = shares.At(random.Uniform());
            return new GeneratedDemonstration(request, AnswerWriter.Write(request, quality, random), quality);
        })];
    }

    /// <summary>Training requests after the first <paramref name="skip"/>: with the number of demonstrations there, none of them has been demonstrated.</summary>
    public IReadOnlyList<Request> TrainingRequests(int skip, int count) => [.. Requests(training: true).Skip(skip).Take(count)];

    /// <summary>Requests that no training set holds.</summary>
    public IReadOnlyList<Request> HeldOutRequests(int count) => [.. Requests(training: false).Take(count)];

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

    // Distinct requests in a fixed endless order (until the grammar has no more); all kinds alike.
    private IEnumerable<Request> Requests(bool training)
    {
        var seen = new HashSet<string>(StringComparer.Ordinal);
        var repeats = 0;
        for (long row = 0; repeats < PatienceForNewPrompts; row++)
        {
            var request = Draw(row);
            if (PromptSplit.IsHeldOut(request.Prompt, heldOut) == training || !seen.Add(request.Prompt))
            {
                repeats++;
                continue;
            }

            repeats = 0;
            yield return request;
        }

        throw new InputException($"The quickstart grammar has no more than {seen.Count} distinct {(training ? "training" : "held-out")} prompts: ask for fewer.");
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
