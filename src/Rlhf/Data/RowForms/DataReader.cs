namespace Rlhf.Data.RowForms;

/// <summary>
/// Reads the rows of a <see cref="DataSource"/> as records, in file order, one at a time. Every row is counted in the ledger; a row that cannot be
/// read is an <see cref="InputException"/> with file:line:column, or, with <see cref="BadRowPolicy.Drop"/>, a drop in the ledger. A source without
/// rows is an error.
/// </summary>
public static class DataReader
{
    /// <summary>The ledger's reason for a bad row; its examples are the errors.</summary>
    public const string CannotBeRead = "cannot be read";

    /// <summary>
    /// Rows with a prompt (or messages) and a response; with <see cref="DataSource.Take"/>, comparisons of which one answer is taken. Rows of which nothing is
    /// to be trained on
    /// are dropped and counted.
    /// </summary>
    public static IEnumerable<Demonstration> Demonstrations(DataSource source, string baseFolder, Ledger ledger) =>
        Read(source, baseFolder, ledger, RecordKind.Demonstration).Select(record => record.Demonstration!);

    /// <summary>Comparisons and rankings. Rows whose answers cannot be told apart, and rows with an empty answer, are dropped and counted.</summary>
    public static IEnumerable<Ranking> Rankings(DataSource source, string baseFolder, Ledger ledger) =>
        Read(source, baseFolder, ledger, RecordKind.Ranking).Select(record => record.Ranking!);

    /// <summary>Single answers marked good or bad.</summary>
    public static IEnumerable<LabeledAnswer> Labeled(DataSource source, string baseFolder, Ledger ledger) =>
        Read(source, baseFolder, ledger, RecordKind.Labeled).Select(record => record.Labeled!);

    /// <summary>The prompts of rows of any kind, each distinct prompt once.</summary>
    public static IEnumerable<PromptRecord> Prompts(DataSource source, string baseFolder, Ledger ledger) =>
        Read(source, baseFolder, ledger, RecordKind.Prompt).Select(record => record.Prompt!);

    /// <summary>Plain text.</summary>
    public static IEnumerable<TextDocument> Texts(DataSource source, string baseFolder, Ledger ledger) =>
        Read(source, baseFolder, ledger, RecordKind.Text).Select(record => record.Text!);

    /// <summary>Rows of a kind, or, where it is null, of the kind that the first row of each file has: a file of several kinds is bad from the first row of
    /// another one on.</summary>
    public static IEnumerable<AnyRecord> Read(DataSource source, string baseFolder, Ledger ledger, RecordKind? kind)
    {
        Validate(source, kind);
        return Enumerate(source, DataFiles.Resolve(source.Path, baseFolder), ledger, kind);
    }

    private static IEnumerable<AnyRecord> Enumerate(DataSource source, IReadOnlyList<DataFile> files, Ledger ledger, RecordKind? kind)
    {
        var reader = new RecordReader(source, ledger);
        var left = source.Limit ?? int.MaxValue;
        foreach (var file in files.TakeWhile(_ => left > 0))
        {
            var rows = 0;
            RecordKind? before = null;
            foreach (var row in GroupedRows.Read(file.FullPath, file.Name, left))
            {
                rows++;
                ledger.Read(file.Name);
                if (Parse(row, source, ledger, reader, kind, before) is { } record)
                {
                    before = record.Kind;
                    yield return record;
                }
            }

            left -= rows > 0 ? rows : throw new InputException($"{file.Name}: expected at least one row, found none.");
        }

        if (reader.Unseen.Count > 0)
        {
            throw new InputException(
                $"{string.Join(", ", files.Select(file => file.Name))}: no row has the field {string.Join(", ", reader.Unseen.Order(StringComparer.Ordinal))} that the option {(reader.Unseen.All(source.Ignore.Contains) ? "ignore" : "fields")} names.");
        }
    }

    private static AnyRecord? Parse(JsonRow row, DataSource source, Ledger ledger, RecordReader reader, RecordKind? kind, RecordKind? before)
    {
        try
        {
            return reader.Parse(row, kind, kind is null ? before : null);
        }
        catch (InputException e) when (source.OnBadRow == BadRowPolicy.Drop)
        {
            ledger.Drop(row.Position, CannotBeRead, e.Message);
            return null;
        }
    }

    private static void Validate(DataSource source, RecordKind? kind)
    {
        if (!(source.HeldOut.Share is >= 0 and < 1))
        {
            throw new InputException("The held-out share of a data source must be at least 0 and below 1.");
        }

        if (source.Limit < 1)
        {
            throw new InputException("The limit of a data source must be at least 1.");
        }

        if (source.Take != DemonstrationPick.Response && kind != RecordKind.Demonstration)
        {
            throw new InputException("The option take of a data source has an effect only where demonstrations are read.");
        }
    }
}
