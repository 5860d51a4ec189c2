namespace Rlhf.Data;

/// <summary>
/// Reads the rows of a <see cref="DataSource"/> as records, in file order, one at a time. Every row is counted in the ledger; a row that cannot be
/// read is an <see cref="InputException"/> with file:line:column, or, with <see cref="BadRowPolicy.Drop"/>, a drop in the ledger. A source without
/// rows is an error.
/// </summary>
public static class DataReader
{
    /// <summary>The ledger's reason for a bad row; its examples are the errors.</summary>
    public const string CannotBeRead = "cannot be read";

    /// <summary>Rows with a prompt (or messages) and a response; with <see cref="DataSource.Take"/>, comparisons of which one answer is taken.</summary>
    public static IEnumerable<Demonstration> Demonstrations(DataSource source, string baseFolder, Ledger ledger)
    {
        if (source.Take == DemonstrationPick.Response)
        {
            return Read(source, baseFolder, ledger, DemonstrationParser.Parse);
        }

        return Read(source, baseFolder, ledger, row =>
        {
            var demonstration = DemonstrationParser.Take(row, source.Take);
            if (demonstration is null)
            {
                ledger.Drop(row.Position, "empty answer");
            }

            return demonstration;
        });
    }

    /// <summary>Comparisons and rankings. Rows whose answers cannot be told apart, and rows with an empty answer, are dropped and counted.</summary>
    public static IEnumerable<Ranking> Rankings(DataSource source, string baseFolder, Ledger ledger)
    {
        RefuseTake(source);
        return Read(source, baseFolder, ledger, row => Distinguishable(RankingParser.Parse(row), ledger));
    }

    /// <summary>The prompts of rows of any kind, each distinct prompt once.</summary>
    public static IEnumerable<PromptRecord> Prompts(DataSource source, string baseFolder, Ledger ledger)
    {
        RefuseTake(source);
        HashSet<string> seen = new(StringComparer.Ordinal);
        return Read(source, baseFolder, ledger, row =>
        {
            var record = ParsePromptRecord(row);
            if (seen.Add(record.Prompt.Text))
            {
                return record;
            }

            ledger.Drop(row.Position, "the same prompt as an earlier row");
            return null;
        });
    }

    /// <summary>Plain text.</summary>
    public static IEnumerable<TextDocument> Texts(DataSource source, string baseFolder, Ledger ledger)
    {
        RefuseTake(source);
        return Read(source, baseFolder, ledger, ParseText);
    }

    private static IEnumerable<T> Read<T>(DataSource source, string baseFolder, Ledger ledger, Func<RowFields, T?> parse)
        where T : class
    {
        Validate(source);
        var files = DataFiles.Resolve(source.Path, baseFolder);
        return Enumerate(source, files, ledger, parse);
    }

    private static IEnumerable<T> Enumerate<T>(DataSource source, IReadOnlyList<DataFile> files, Ledger ledger, Func<RowFields, T?> parse)
        where T : class
    {
        var formatFields = source.Format is null ? [] : new HashSet<string>(TextTemplate.FieldsOf(source.Format), StringComparer.Ordinal);
        HashSet<string> unseen = new(source.Fields.Values, StringComparer.Ordinal);
        var rows = 0;
        foreach (var row in files.SelectMany(file => JsonRows.Read(file.FullPath, file.Name)).Take(source.Limit ?? int.MaxValue))
        {
            rows++;
            ledger.Read(row.Position.File);
            if (Parse(row, source, ledger, parse, unseen, formatFields) is { } record)
            {
                yield return record;
            }
        }

        if (rows == 0)
        {
            throw new InputException($"{string.Join(", ", files.Select(file => file.Name))}: expected at least one row, found none.");
        }

        if (unseen.Count > 0)
        {
            throw new InputException($"{string.Join(", ", files.Select(file => file.Name))}: no row has the field {string.Join(", ", unseen.Order(StringComparer.Ordinal))} that the option fields names.");
        }
    }

    private static T? Parse<T>(JsonRow row, DataSource source, Ledger ledger, Func<RowFields, T?> parse, HashSet<string> unseen, HashSet<string> formatFields)
        where T : class
    {
        try
        {
            var fields = new RowFields(row, source.Fields);
            unseen.RemoveWhere(fields.Contains);
            var record = parse(fields);
            foreach (var name in fields.NotRead.Where(name => !formatFields.Contains(name)))
            {
                ledger.Note(row.Position, $"field not used: {name}");
            }

            return record;
        }
        catch (InputException e) when (source.OnBadRow == BadRowPolicy.Drop)
        {
            ledger.Drop(row.Position, CannotBeRead, e.Message);
            return null;
        }
    }

    /// <summary>Pairs of equal answers say nothing; a row of which nothing else is left is dropped.</summary>
    internal static Ranking? Distinguishable(Ranking ranking, Ledger ledger)
    {
        if (ranking.Responses.Any(string.IsNullOrWhiteSpace))
        {
            ledger.Drop(ranking.Position, "empty answer");
            return null;
        }

        var kept = Enumerable.Range(0, ranking.Pairs.Count)
            .Where(i => ranking.Responses[ranking.Pairs[i].Better] != ranking.Responses[ranking.Pairs[i].Worse])
            .ToList();
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
        return ranking with { Pairs = [.. kept.Select(i => ranking.Pairs[i])], Margins = ranking.Margins is { } margins ? [.. kept.Select(i => margins[i])] : null };
    }

    internal static PromptRecord ParsePromptRecord(RowFields row)
    {
        var prompt = row.Has("chosen") && row.Has("rejected") ? RankingParser.Parse(row).Prompt : PromptParser.Parse(row);
        return new PromptRecord(row.Id(), prompt, row.Position);
    }

    internal static TextDocument ParseText(RowFields row)
    {
        var value = row.Get("text");
        return row.TextOf(value).Length > 0 ? new TextDocument(row.Id(), value.Text, row.Position) : throw row.Error(value, "a text");
    }

    private static void Validate(DataSource source)
    {
        if (!(source.HeldOut is >= 0 and < 1))
        {
            throw new InputException("The held-out share of a data source must be at least 0 and below 1.");
        }

        if (source.Limit < 1)
        {
            throw new InputException("The limit of a data source must be at least 1.");
        }
    }

    private static void RefuseTake(DataSource source)
    {
        if (source.Take != DemonstrationPick.Response)
        {
            throw new InputException("The option take of a data source has an effect only where demonstrations are read.");
        }
    }
}
