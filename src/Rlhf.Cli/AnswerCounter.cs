using Rlhf.Reports;
using Rlhf.Sampling;

namespace Rlhf.Cli;

/// <summary>Counts answers as they end, for the progress of a generator.</summary>
internal sealed class AnswerCounter(int answers, GenerationSettings settings, ProgressTask progress)
{
    private readonly int[] _drawn = new int[answers];

    /// <summary>Whether this token ends an answer.</summary>
    public bool Ends(int token) => settings.EndIds.Contains(token);

    /// <summary>A token was drawn.</summary>
    public void Count(int answer, int token)
    {
        if (++_drawn[answer] == settings.MaxNewTokens || Ends(token))
        {
            progress.Advance(1);
        }
    }
}
