namespace Rlhf.Quickstart;

/// <summary>What the gold rule read in the sentences of an answer.</summary>
internal sealed class AnswerReading
{
    private readonly Request request;
    private readonly HashSet<string> said = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> unread = [];
    private int rightSentences;
    private int wrongSentences;

    private AnswerReading(Request request) => this.request = request;

    public List<string> Faults { get; } = [];

    public bool FullSentence { get; private set; }

    public int Courtesies { get; private set; }

    public FactVerdict Fact { get; private set; }

    public static AnswerReading Of(Request request, IReadOnlyList<Sentence> sentences)
    {
        var reading = new AnswerReading(request);
        foreach (var sentence in sentences)
        {
            reading.Read(sentence);
        }

        reading.Conclude();
        return reading;
    }

    private void Read(Sentence sentence)
    {
        var text = WithoutName(sentence.Text);
        if (!said.Add(text))
        {
            Faults.Add("says a sentence twice");
        }

        if (!TryCourtesy(text, sentence.Mark) && !TryStatement(text, sentence.Mark))
        {
            unread.Add(text);
        }
    }

    // "Sure, Tom" -> "Sure". Addressing somebody else is a fault.
    private string WithoutName(string text)
    {
        var name = Phrasebook.Names.FirstOrDefault(known => text.EndsWith(", " + known, StringComparison.Ordinal));
        if (name is null)
        {
            return text;
        }

        if (name != request.Name)
        {
            Faults.Add("calls the person by another name");
        }

        return text[..^(name.Length + 2)];
    }

    private bool TryCourtesy(string text, char mark)
    {
        var opening = Find(Phrasebook.Openings, text);
        var phrase = opening ?? Find(Phrasebook.Closings, text);
        if (phrase is null)
        {
            return false;
        }

        Courtesies++;
        CheckForm(phrase, text, mark, ".!");
        if (opening is not null != (rightSentences + wrongSentences == 0))
        {
            Faults.Add("a courtesy in the wrong place");
        }

        return true;
    }

    private bool TryStatement(string text, char mark)
    {
        var form = Forms(text).FirstOrDefault(form => form.Text.Equals(text, StringComparison.OrdinalIgnoreCase));
        if (form.Text is null)
        {
            return false;
        }

        CheckForm(form.Text, text, mark, form.Full ? request.Kind.EndMarks : ".!");
        if (form.Value != request.Fact.Answer)
        {
            wrongSentences++;
            return true;
        }

        rightSentences++;
        FullSentence |= form.Full;
        return true;
    }

    private void CheckForm(string proper, string text, char mark, string marks)
    {
        if (proper != text)
        {
            Faults.Add("wrong capitals");
        }

        if (!marks.Contains(mark, StringComparison.Ordinal))
        {
            Faults.Add("no proper end of a sentence");
        }
    }

    private void Conclude()
    {
        var alternatives = request.Kind.Values.Where(value => value != request.Fact.Answer);
        var namesAlternative = rightSentences > 0 && alternatives.Any(value => unread.Any(text => Words.Contain(text, value)));
        Fact = wrongSentences > 0 || namesAlternative ? FactVerdict.Wrong
            : rightSentences > 0 ? FactVerdict.Right
            : FactVerdict.Missing;
        Faults.AddRange(unread.Select(_ => "a sentence that says nothing"));
        for (var i = 1; i < rightSentences; i++)
        {
            Faults.Add("gives the answer more than once");
        }
    }

    // Every sentence that gives a value of this kind as the answer to this request; only of values that the text holds.
    private IEnumerable<(string Text, string Value, bool Full)> Forms(string text)
    {
        foreach (var value in request.Kind.Values.Where(value => text.Contains(value, StringComparison.OrdinalIgnoreCase)))
        {
            foreach (var statement in request.Kind.Statements)
            {
                yield return (request.Fact.Fill(statement, value), value, true);
            }

            yield return (request.Fact.Fill(request.Kind.Curt, value), value, false);
            yield return (request.Fact.Fill("{a}", value), value, false);
        }
    }

    private static string? Find(IReadOnlyList<string> phrases, string text) =>
        phrases.FirstOrDefault(phrase => phrase.Equals(text, StringComparison.OrdinalIgnoreCase));
}
