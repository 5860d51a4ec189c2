namespace Rlhf.Data;

/// <summary>
/// Reads the rows of a <see cref="DataSource"/> as records, in file order, one at a time. Every row is counted in the ledger; a row that cannot be
/// read is an <see cref="InputException"/> with file:line:column, or, with <see cref="BadRowPolicy.Drop"/>, a drop in the ledger.
/// </summary>
public static class DataReader
{
    /// <summary>Rows with a prompt (or messages) and a response; with <see cref="DataSource.Take"/>, comparisons of which one answer is taken.</summary>
    public static IEnumerable<Demonstration> Demonstrations(DataSource source, string baseFolder, Ledger ledger) => throw new NotImplementedException();

    /// <summary>Comparisons and rankings. Rows whose answers cannot be told apart, and rows with an empty answer, are dropped and counted.</summary>
    public static IEnumerable<Ranking> Rankings(DataSource source, string baseFolder, Ledger ledger) => throw new NotImplementedException();

    /// <summary>The prompts of rows of any kind, each distinct prompt once.</summary>
    public static IEnumerable<PromptRecord> Prompts(DataSource source, string baseFolder, Ledger ledger) => throw new NotImplementedException();

    /// <summary>Plain text.</summary>
    public static IEnumerable<TextDocument> Texts(DataSource source, string baseFolder, Ledger ledger) => throw new NotImplementedException();
}
