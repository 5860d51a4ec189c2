using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Labelers;

/// <summary>
/// The truth of the quickstart world as labeler and judge: scores any answer from the two texts alone.
/// <list type="table">
/// <item><term>2</term><description>right, polite, a full sentence</description></item>
/// <item><term>1</term><description>right, a full sentence, no courtesy</description></item>
/// <item><term>0.5</term><description>right and polite, but only a word</description></item>
/// <item><term>0</term><description>right, only a word</description></item>
/// <item><term>-0.5 each, not below -0.5</term><description>faults of form of a right answer: no proper end, no capital, a sentence
/// that says nothing, the answer given twice, a courtesy repeated, too many or misplaced, another person's name</description></item>
/// <item><term>-1</term><description>a wrong value, alone or beside the right one</description></item>
/// <item><term>-1.5</term><description>no answer to this request: empty, garbled, about something else, or endless</description></item>
/// <item><term>-2</term><description>rude, right or wrong</description></item>
/// </list>
/// The rule is closed: it accepts only sentences that the world's templates can make, so word salad around the right word, or the
/// right word in some sentence about another thing, gains nothing.
/// </summary>
public sealed class GoldRule
{
    /// <summary>The best score.</summary>
    public const double Best = 2;

    /// <summary>The worst score.</summary>
    public const double Worst = -2;

    private const double Fault = 0.5;
    private const int MostCharacters = 200;
    private const int MostSentences = 5;
    private const int MostCourtesies = 2;

    /// <summary>Its name as a labeler.</summary>
    public string Name => "gold";

    /// <summary>The score of an answer, from -2 to 2.</summary>
    /// <exception cref="InputException">The prompt is not one of the quickstart world.</exception>
    public double Score(string prompt, string answer) => Judge(prompt, answer).Score;

    /// <summary>The scores of several answers to a prompt.</summary>
    /// <exception cref="InputException">The prompt is not one of the quickstart world.</exception>
    public IReadOnlyList<double> Scores(Prompt prompt, IReadOnlyList<string> responses)
    {
        var request = Parse(prompt.Text);
        return [.. responses.Select(response => Judge(request, response).Score)];
    }

    /// <summary>The score of an answer and the reasons for it.</summary>
    /// <exception cref="InputException">The prompt is not one of the quickstart world.</exception>
    public GoldVerdict Judge(string prompt, string answer) => Judge(Parse(prompt), answer);

    /// <summary>The score of an answer to a request and the reasons for it.</summary>
    public GoldVerdict Judge(Request request, string answer)
    {
        if (Phrasebook.RudeMarks.Any(mark => Words.Contain(answer, mark)))
        {
            return new GoldVerdict(Worst, FactVerdict.Missing, false, false, true, []);
        }

        var sentences = Sentence.Split(answer);
        if (answer.Length > MostCharacters || sentences.Count > MostSentences)
        {
            return new GoldVerdict(-1.5, FactVerdict.Missing, false, false, false, ["endless"]);
        }

        var reading = AnswerReading.Of(request, sentences);
        var polite = reading.Courtesies > 0;
        return reading.Fact switch
        {
            FactVerdict.Missing => new GoldVerdict(-1.5, FactVerdict.Missing, false, polite, false, []),
            FactVerdict.Wrong => new GoldVerdict(-1, FactVerdict.Wrong, false, polite, false, []),
            _ => Right(reading, polite),
        };
    }

    private static GoldVerdict Right(AnswerReading reading, bool polite)
    {
        var faults = new List<string>(reading.Faults);
        if (reading.Courtesies > MostCourtesies)
        {
            faults.Add("too many courtesies");
        }

        var form = (reading.FullSentence, polite) switch { (true, true) => Best, (true, false) => 1, (false, true) => 0.5, _ => 0 };
        var score = Math.Max(form - (Fault * faults.Count), -Fault);
        return new GoldVerdict(score, FactVerdict.Right, reading.FullSentence, polite, false, faults);
    }

    private static Request Parse(string prompt) => Request.TryParse(prompt) ?? throw new InputException(
        $"The gold rule judges only the requests of the quickstart grammar, and this prompt is none of them: \"{prompt}\". Use another labeler for other data.");
}
