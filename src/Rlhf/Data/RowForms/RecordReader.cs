namespace Rlhf.Data.RowForms;

/// <summary>Reads single rows of a source as records, by the same rules for training, checking and showing. What is left out is counted in the
/// ledger.</summary>
public sealed class RecordReader(DataSource source, Ledger ledger)
{
    private readonly HashSet<UInt128> _prompts = [];
    private readonly HashSet<string> _unseen = [.. source.Fields.Values, .. source.Ignore];

    /// <summary>Names of <see cref="DataSource.Fields"/> and <see cref="DataSource.Ignore"/> that no row has had so far.</summary>
    public IReadOnlySet<string> Unseen => _unseen;

    /// <summary>A row as a record; null where it is left out.</summary>
    /// <param name="row">The row.</param>
    /// <param name="kind">What to read it as; what its fields suggest where null.</param>
    /// <param name="before">The kind of the rows before, with which a row of a file must agree; null where it need not.</param>
    /// <exception cref="InputException">The row is no such record; with its place.</exception>
    public AnyRecord? Parse(JsonRow row, RecordKind? kind, RecordKind? before = null)
    {
        var fields = new RowFields(row, source.Fields, source.Ignore);
        _unseen.RemoveWhere(fields.Contains);
        var asked = kind ?? AnyRecord.Suggested(fields);
        if (before is { } other && other != asked && !row.IsWritten)
        {
            throw fields.Missing($"a {SnakeCase.Of(other)} as in the rows before, and this row is a {SnakeCase.Of(asked)}");
        }

        if (row.IsWritten && kind is { } wanted && wanted != RecordKind.Prompt && AnyRecord.Suggested(fields) is var meant && meant != wanted)
        {
            return Drop<AnyRecord>(fields, $"a {SnakeCase.Of(meant)} of a tree, where each {SnakeCase.Of(wanted)} is read");
        }

        AnyRecord? record = asked switch
        {
            RecordKind.Demonstration => ReadDemonstration(fields) is { } demonstration ? new(asked, Demonstration: demonstration) : null,
            RecordKind.Ranking => ReadRanking(fields) is { } ranking ? new(asked, Ranking: ranking) : null,
            RecordKind.Labeled => new(asked, Labeled: ReadLabeled(fields)),
            RecordKind.Text => ReadText(fields) is { } text ? new(asked, Text: text) : null,
            RecordKind.Prompt => ReadPrompt(fields, onlyAsked: kind is not null) is { } prompt ? new(asked, Prompt: prompt) : null,
            _ => throw new ArgumentOutOfRangeException(nameof(kind), asked, null),
        };
        return record is null || source.SplitBy is not { } field ? record : record.OfGroup(fields.GroupIn(field));
    }

    private Demonstration? ReadDemonstration(RowFields row)
    {
        var takes = source.Take != DemonstrationPick.Response;
        var demonstration = takes ? DemonstrationParser.Take(row, source.Take) : DemonstrationParser.Parse(row);
        var isLeftOut = !takes && DemonstrationParser.IsLeftOut(row);
        NoteUnread(row, takes ? RecordKind.Ranking : RecordKind.Demonstration);
        return demonstration is null ? Drop<Demonstration>(row, "empty answer")
            : isLeftOut ? Drop<Demonstration>(row, "weight 0")
            : !DemonstrationParser.IsTrained(demonstration) ? Drop<Demonstration>(row, "no turn to train on (weight 0 or train false in all of them)")
            : demonstration;
    }

    private Ranking? ReadRanking(RowFields row)
    {
        var ranking = RankingParser.Parse(row);
        NoteUnread(row, RecordKind.Ranking);
        if (RankingParser.ContradictionOf(row) is { } contradiction)
        {
            ledger.Note(row.Position, $"{contradiction}; the fields' names decide");
        }

        if (ranking.Tiers is null && Tiers.HaveCircle(ranking.Responses.Count, ranking.Pairs))
        {
            ledger.Note(row.Position, "preferences that go in a circle");
        }

        return Distinguishable(ranking);
    }

    private LabeledAnswer ReadLabeled(RowFields row)
    {
        var answer = LabeledParser.Parse(row);
        NoteUnread(row, RecordKind.Labeled);
        return answer;
    }

    private PromptRecord? ReadPrompt(RowFields row, bool onlyAsked)
    {
        var prompt = ParsePrompt(row);
        if (source.References.Count > 0)
        {
            var references = new Dictionary<string, string>(StringComparer.Ordinal);
            foreach (var field in source.References)
            {
                references[field.Name] = row.ReferenceIn(field);
            }

            prompt = prompt with { References = references };
        }

        NoteUnread(row, RecordKind.Prompt, onlyAsked);
        if (DemonstrationParser.EmptyResponseOf(row) is { } empty)
        {
            ledger.Note(row.Position, $"{empty} is null: read as a prompt");
        }

        return _prompts.Add(TextHash.Of(prompt.Prompt.Identity)) ? prompt : Drop<PromptRecord>(row, "the same prompt as an earlier row");
    }

    private TextDocument? ReadText(RowFields row)
    {
        var value = row.Get("text");
        var text = row.TextOf(value).Length > 0 ? new TextDocument(row.Id(), value.Text, row.Position) : throw row.Error(value, "a text");
        var isLeftOut = DemonstrationParser.IsLeftOut(row);
        NoteUnread(row, RecordKind.Text);
        return isLeftOut ? Drop<TextDocument>(row, "weight 0") : text;
    }

    /// <summary>What was asked in a row of any kind.</summary>
    public static PromptRecord ParsePrompt(RowFields row)
    {
        // Of a comparison only what was asked counts; hh-rlhf's rows have it inside of their transcripts.
        var prompt = !row.Has("responses") && RankingParser.Fits(row) ? RankingParser.Parse(row).Prompt : PromptParser.ParseAsked(row);
        return new PromptRecord(row.Id(), prompt, row.Position);
    }

    /// <summary>Pairs of equal answers say nothing; a row of which nothing else is left is dropped.</summary>
    private Ranking? Distinguishable(Ranking ranking)
    {
        Message[] answers = [.. Enumerable.Range(0, ranking.Responses.Count).Select(ranking.Answer)];
        if (answers.Any(MessageParser.IsEmpty))
        {
            ledger.Drop(ranking.Position, "empty answer");
            return null;
        }

        var kept = Enumerable.Range(0, ranking.Pairs.Count).Where(i => answers[ranking.Pairs[i].Better] != answers[ranking.Pairs[i].Worse]).ToList();
        if (kept.Count == ranking.Pairs.Count)
        {
            return ranking;
        }

        if (kept.Count + ranking.Ties.Count == 0)
        {
            ledger.Drop(ranking.Position, "identical answers");
            return null;
        }

        ledger.Note(ranking.Position, "pair of identical answers left out");
        return ranking with
        {
            Pairs = [.. kept.Select(i => ranking.Pairs[i])],
            Margins = ranking.Margins is { } margins ? [.. kept.Select(i => margins[i])] : null,
        };
    }

    private void NoteUnread(RowFields row, RecordKind kind, bool onlyAsked = false)
    {
        foreach (var path in UnreadFields.Check(row, kind, onlyAsked, source.Format).Where(path => path != source.SplitBy))
        {
            ledger.Note(row.Position, $"field not used: {path}");
        }

        foreach (var path in row.LeftOut.Distinct(StringComparer.Ordinal))
        {
            ledger.Note(row.Position, $"field ignored as asked: {path}");
        }
    }

    private T? Drop<T>(RowFields row, string reason)
        where T : class
    {
        ledger.Drop(row.Position, reason);
        return null;
    }
}
