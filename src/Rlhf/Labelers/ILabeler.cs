using Rlhf.Reports;

namespace Rlhf.Labelers;

/// <summary>Ranks answers: the gold rule of the built-in world, a reward model, a judge behind an API, people.</summary>
internal interface ILabeler : IDisposable
{
    /// <summary>Ranks the K answers to each prompt and writes the rows to the job's file, whole or not at all.</summary>
    /// <returns>What the ranking took, as figures.</returns>
    /// <exception cref="InputException">This labeler cannot judge a prompt.</exception>
    /// <exception cref="RunFailedException">It fails.</exception>
    /// <exception cref="RunPausedException">People are to rank first.</exception>
    IReadOnlyDictionary<string, Figure> Rank(IReadOnlyList<CollectedAnswers> answers, RankingJob job);
}

/// <summary>What a labeler is given beside the answers.</summary>
/// <param name="File">Where the rankings go; what stands beside it (answers, judgements) is the labeler's own.</param>
/// <param name="Origin">Where the answers are from.</param>
/// <param name="Stage">The stage, for people.</param>
/// <param name="Round">The run and the round: people rank a prompt once in it, whatever else is in their store.</param>
/// <param name="Progress">Tells a person how far the work is.</param>
/// <param name="Cancellation">Asks for the end.</param>
internal sealed record RankingJob(string File, AnswerOrigin Origin, string Stage, string Round, ProgressReporter Progress, CancellationToken Cancellation)
{
    /// <summary>A file beside the rankings.</summary>
    public string Beside(string name) => Path.Combine(Path.GetDirectoryName(File)!, name);
}
