using System.Text.Json;

namespace Rlhf.Data.RowForms;

/// <summary>GSM8K: a <c>question</c> and a worked <c>answer</c> whose result follows <c>####</c>: a prompt with the right answer, or a demonstration
/// where one is asked for.</summary>
public static class WorkedAnswer
{
    private const string Mark = "####";

    internal static bool Fits(RowFields row) => row.Peek("question") is { Kind: JsonValueKind.String } && !row.Has("prompt") && !row.Has("instruction")
        && row.Peek("answer") is { Kind: JsonValueKind.String } answer && answer.Text.Contains(Mark, StringComparison.Ordinal);

    /// <summary>What follows the last mark; the whole text where there is none.</summary>
    public static string ResultOf(string answer) => answer.LastIndexOf(Mark, StringComparison.Ordinal) is >= 0 and var at
        ? answer[(at + Mark.Length)..].Trim()
        : answer;
}
