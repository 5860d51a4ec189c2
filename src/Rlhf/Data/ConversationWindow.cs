namespace Rlhf.Data;

/// <summary>
/// What of a conversation a model is shown once all of it no longer leaves room for an answer: the oldest turns go first, each of the user with its answers; a
/// system message at the
/// beginning and the last turn always stay.
/// </summary>
public static class ConversationWindow
{
    private const int UsualAnswer = 512;

    /// <summary>The most tokens of an answer where nobody says otherwise: 512, or half of a small context, so that the conversation has the other
    /// half.</summary>
    public static int AnswerLimit(int context) => Math.Clamp(context / 2, 1, UsualAnswer);

    /// <summary>Leaves out as few of the oldest turns as possible.</summary>
    /// <param name="messages">The conversation.</param>
    /// <param name="encode">Messages as tokens.</param>
    /// <param name="context">The most tokens of conversation and answer.</param>
    /// <param name="answer">Tokens that the answer may have; at most half of the context is kept free for it.</param>
    /// <returns>How many messages are left out, after a system message at the beginning, and the tokens of the others; these may be too many where the last
    /// turn alone is.</returns>
    public static (int LeftOut, int[] Tokens) Fit(IReadOnlyList<Message> messages, Func<IReadOnlyList<Message>, int[]> encode, int context, int answer)
    {
        var room = context - Math.Min(answer, Math.Max(1, context / 2));
        var system = messages.TakeWhile(message => message.Role == "system").Count();
        var tokens = encode(messages);
        // Everything before one of the user's later turns may be left out.
        int[] choices = [.. Enumerable.Range(1, Math.Max(0, messages.Count - system - 1)).Where(count => messages[system + count].Role == "user")];
        if (tokens.Length <= room || choices.Length == 0)
        {
            return (0, tokens);
        }

        // The fewer the messages the fewer the tokens, so halving finds the first choice that fits.
        var (first, last) = (0, choices.Length - 1);
        while (first < last)
        {
            var middle = (first + last) / 2;
            (first, last) = encode(Without(choices[middle])).Length <= room ? (first, middle) : (middle + 1, last);
        }

        return (choices[first], encode(Without(choices[first])));

        IReadOnlyList<Message> Without(int count) => [.. messages.Take(system), .. messages.Skip(system + count)];
    }
}
