using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class ConversationWindowTests
{
    // A token for each character, and one for each message.
    private static int[] Encode(IReadOnlyList<Message> messages) =>
        [.. messages.SelectMany(message => message.Content.Append('|')).Select(character => (int)character)];

    private static Message[] Talk(string? system, params string[] turns) =>
        [.. system is null ? [] : (Message[])[new Message("system", system)],
            .. turns.Select((turn, i) => new Message(i % 2 == 0 ? "user" : "assistant", turn))];

    [Theory]
    [InlineData(100, 10, 0)] // all of it: 46 tokens
    [InlineData(56, 10, 0)]
    [InlineData(55, 10, 2)]
    [InlineData(34, 10, 2)]
    [InlineData(33, 10, 4)]
    [InlineData(4, 2, 4)]
    [InlineData(1, 1, 4)] // the last turn stays, whether it fits or not
    [InlineData(90, 1000, 2)] // at most half of the context is kept for the answer: 45 tokens are left
    [InlineData(91, 1000, 0)]
    public void The_oldest_turns_go_first_and_as_few_as_possible(int context, int answer, int leftOut)
    {
        var messages = Talk(null, "aaaaaaaaaa", "bbbbbbbbbb", "cccccccccc", "dddddddddd", "e");
        var (count, tokens) = ConversationWindow.Fit(messages, Encode, context, answer);
        Assert.Equal(leftOut, count);
        Assert.Equal(Encode(messages[count..]), tokens);
    }

    [Fact]
    public void The_system_message_stays()
    {
        var messages = Talk("sys", "aaaaaaaaaa", "bbbbbbbbbb", "c", "d", "e");
        var (count, tokens) = ConversationWindow.Fit(messages, Encode, 20, 10);
        Assert.Equal(2, count);
        Assert.Equal(Encode([messages[0], .. messages[3..]]), tokens);
    }

    [Theory]
    [InlineData(1, 1)]
    [InlineData(96, 48)]
    [InlineData(1024, 512)]
    [InlineData(131072, 512)]
    public void An_answer_has_at_most_half_of_the_context(int context, int expected) => Assert.Equal(expected, ConversationWindow.AnswerLimit(context));

    /// <summary>A thousand turns are not encoded a thousand times.</summary>
    [Fact]
    public void Few_encodings_find_the_place()
    {
        var calls = 0;
        var messages = Talk(null, [.. Enumerable.Range(0, 1001).Select(_ => "x")]);
        var (count, tokens) = ConversationWindow.Fit(messages, some => { calls++; return Encode(some); }, 100, 50);
        Assert.Equal((976, 50), (count, tokens.Length));
        Assert.InRange(calls, 2, 14);
    }
}
