namespace Rlhf.World;

/// <summary>What the gold rule read in the sentences of an answer.</summary>
internal sealed class AnswerReading
{
    private readonly Request _request;
    private readonly HashSet<string> _said = new(StringComparer.OrdinalIgnoreCase);
    private readonly List<string> _unread = [];
    private int _rightSentences;
    private int _wrongSentences;

    private AnswerReading(Request request) => _request = request;

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
        if (!_said.Add(text))
        {
            Faults.Add("says a sentence twice");
        }

        if (!TryCourtesy(text, sentence.Mark) && !TryStatement(text, sentence.Mark))
        {
            _unread.Add(text);
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

        if (name != _request.Name)
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
        if (opening is not null != (_rightSentences + _wrongSentences == 0))
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

        CheckForm(form.Text, text, mark, form.Full ? _request.Kind.EndMarks : ".!");
        if (form.Value != _request.Fact.Answer)
        {
            _wrongSentences++;
            return true;
        }

        _rightSentences++;
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
        var alternatives = _request.Kind.Values.Where(value => value != _request.Fact.Answer);
        var namesAlternative = _rightSentences > 0 && alternatives.Any(value => _unread.Any(text => Words.Contain(text, value)));
        Fact = _wrongSentences > 0 || namesAlternative ? FactVerdict.Wrong
            : _rightSentences > 0 ? FactVerdict.Right
            : FactVerdict.Missing;
        Faults.AddRange(_unread.Select(_ => "a sentence that says nothing"));
        for (var i = 1; i < _rightSentences; i++)
        {
            Faults.Add("gives the answer more than once");
        }
    }

    // Every sentence that gives a value of this kind as the answer to this request; only of values that the text holds.
    private IEnumerable<(string Text, string Value, bool Full)> Forms(string text)
    {
        foreach (var value in _request.Kind.Values.Where(value => text.Contains(value, StringComparison.OrdinalIgnoreCase)))
        {
            foreach (var statement in _request.Kind.Statements)
            {
                yield return (_request.Fact.Fill(statement, value), value, true);
            }

            yield return (_request.Fact.Fill(_request.Kind.Curt, value), value, false);
            yield return (_request.Fact.Fill("{a}", value), value, false);
        }
    }

    private static string? Find(IReadOnlyList<string> phrases, string text) =>
        phrases.FirstOrDefault(phrase => phrase.Equals(text, StringComparison.OrdinalIgnoreCase));
}
