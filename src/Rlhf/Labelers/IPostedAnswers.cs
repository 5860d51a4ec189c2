namespace Rlhf.Labelers;

/// <summary>Puts the rows of a file of answers into the store in which people rank; rows that are there already add nothing.</summary>
/// <param name="store">An SQLite file or <c>postgres://user@host:port/database</c>.</param>
/// <param name="answersFile">Answers as a collect stage writes them.</param>
/// <param name="round">The round's name in the store.</param>
/// <param name="rankingsPerPrompt">How many people are to rank each prompt, at least.</param>
/// <exception cref="InputException">The store cannot be opened.</exception>
public delegate IPostedAnswers PostAnswers(string store, string answersFile, string round, int rankingsPerPrompt);

/// <summary>Answers that lie in a store for people to rank. The library knows no more than this of the ranking page and its store.</summary>
public interface IPostedAnswers
{
    /// <summary>How far people are.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    RankingProgress Progress();

    /// <summary>Writes the rankings as they are now, one row each, as <c>label export</c> does; the number of rows.</summary>
    /// <exception cref="RunFailedException">The store cannot be reached any more.</exception>
    int WriteRankings(TextWriter output);
}

/// <summary>How far people are with the answers of one collect stage.</summary>
/// <param name="Done">Judgements in the store, of each prompt no more than are wanted; "cannot judge" counts.</param>
/// <param name="Wanted">Prompts times rankings for each.</param>
/// <param name="Labelers">People who have ranked at least one.</param>
public sealed record RankingProgress(long Done, long Wanted, int Labelers);
