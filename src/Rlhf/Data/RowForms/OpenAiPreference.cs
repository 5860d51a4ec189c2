namespace Rlhf.Data.RowForms;

/// <summary>OpenAI's preference form: <c>input: {messages, tools}</c>, <c>preferred_output</c>, <c>non_preferred_output</c>.</summary>
internal static class OpenAiPreference
{
    public static bool Fits(RowFields row) => row.Has("input") && row.Has("preferred_output") && row.Has("non_preferred_output");

    public static Ranking Parse(RowFields row)
    {
        var value = row.Get("input");
        var input = row.Nested(value, "input");
        var messages = MessageParser.ParseAll(input, input.Get("messages"));
        var prompt = PromptParser.FromMessages(row, value, messages) with { Tools = PromptParser.ToolsOf(input) };
        return RankingParser.OfPair(row, prompt, Answer(row, "preferred_output"), Answer(row, "non_preferred_output"));
    }

    private static Message Answer(RowFields row, string name) => MessageParser.ParseAnswer(row, row.Get(name), name);
}
