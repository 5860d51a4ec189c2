using System.Text.Json;
using System.Text.RegularExpressions;
using Rlhf.Data;

namespace Rlhf.Text.Templates;

/// <summary>
/// Finds the turn of the assistant in what a chat template makes of a conversation. R is the text of the conversation up to and with the turn, P that of the
/// messages before it with
/// the generation prompt, which is what the sampler is given.
/// <list type="bullet">
/// <item>R begins with P: trained is what follows it.</item>
/// <item>It does not, and P opens a thought (<c>&lt;think></c>) that R does not: trained is what follows P up to that thought.</item>
/// <item>The template writes something before the turn otherwise: the header that asking adds to P is looked for where the turn begins in R.</item>
/// <item>Asking adds no header, and the template moves or drops what was asked: trained is P followed by the answer as the template writes it.</item>
/// <item>Where the template has <c>{% generation %}</c> blocks, those of the turn decide, but nothing before the sampler's prompt ends.</item>
/// </list>
/// </summary>
internal sealed partial class TurnFinder
{
    // Stands for an answer in a text, to see what the template writes around it. No trimming, splitting or change of case takes it away.
    private const string Mark = "8342915760317";

    private readonly ChatTemplate _template;
    private readonly IReadOnlyDictionary<string, object?> _variables;

    public TurnFinder(ChatTemplate template, IReadOnlyDictionary<string, object?> variables) => (_template, _variables) = (template, variables);

    /// <summary>The text that the sampler is given; where it does not ask, without what stands in front of an answer.</summary>
    public string PromptText(IReadOnlyList<Message> messages, string? tools, bool asks = true) => Render(messages, asks, Parsed(tools));

    /// <summary>The turn of the assistant behind the messages; null where the template has generation blocks and none for this turn.</summary>
    /// <exception cref="InputException">The template refuses the conversation, or the turn's place cannot be told.</exception>
    public AssistantTurn? Find(IReadOnlyList<Message> before, Message answer, string? tools)
    {
        var schemas = Parsed(tools);
        var conversation = new Conversation(this, before, answer, schemas);
        var turn = _template.HasGenerationBlocks ? Tagged(conversation) : Untagged(conversation);
        if (turn is not null && answer.CalledFunctions().FirstOrDefault(name => !turn.Answer.Contains(name, StringComparison.Ordinal)) is { } call)
        {
            throw _template.Error(
                $"the template does not write the turn's call of {call}: it would be trained without it. Use a template that knows tool_calls, or leave the turn out with \"train\": false");
        }

        return turn is null ? null : turn with { LostRole = conversation.LostRole(turn.Prompt) };
    }

    /// <summary>
    /// What the template writes behind an answer, once where another turn of the user follows and once at the end; null where it does not take such a
    /// conversation.
    /// </summary>
    public (string Within, string AtEnd)? Endings()
    {
        Message user = new("user", "1"), answer = Message.FromAssistant(Mark);
        foreach (var system in new Message[][] { [], [new Message("system", "0")] })
        {
            try
            {
                return (Behind([.. system, user, answer, user, Message.FromAssistant("2")]), Behind([.. system, user, answer]));
            }
            catch (InputException)
            {
                // Some templates want a system message, some refuse one.
            }
        }

        return null;

        string Behind(IReadOnlyList<Message> messages)
        {
            var text = Render(messages, asks: false, null);
            var mark = text.LastIndexOf(Mark, StringComparison.Ordinal);
            return mark < 0 ? "" : text[(mark + Mark.Length)..];
        }
    }

    private AssistantTurn Untagged(Conversation conversation)
    {
        var (text, asked) = (conversation.Text, conversation.Asked);
        if (conversation.Place() is not { } found)
        {
            // The answer as the template writes it stands behind whatever the template made of the messages before.
            return conversation.AnswerStart is { } written
                ? Turn(conversation, asked, written, TurnPlace.Prompt)
                : throw _template.Error(
                    $"which part of the text the assistant's turn is cannot be told. The template asks for it with \"{Shown(asked)}\" and renders it as \"{Shown(text)}\". Mark the assistant's part in the template with {{% generation %}} ... {{% endgeneration %}}");
        }

        return Turn(conversation, text[..found.Start], found.Start, found.Place);
    }

    private static AssistantTurn Turn(Conversation conversation, string prompt, int start, TurnPlace place)
    {
        var answer = conversation.Text[start..];
        return new AssistantTurn(prompt, answer, place)
        {
            Content = conversation.Answer.Content,
            TailLength = conversation.TailLength,
            DroppedShare = conversation.DroppedShare(answer),
        };
    }

    private static AssistantTurn? Tagged(Conversation conversation)
    {
        var found = conversation.Place();
        var spans = conversation.SpansOfTurn(found?.Start);
        if (spans.Count == 0)
        {
            return null;
        }

        var start = Math.Max(spans[0].Start, found?.Start ?? 0);
        var end = Math.Max(start, spans[^1].Start + spans[^1].Length);
        var (text, answer) = (conversation.Text, conversation.Text[start..end]);
        return new AssistantTurn(text[..start], answer, TurnPlace.Tags)
        {
            Content = conversation.Answer.Content,
            EndsElsewhere = !string.IsNullOrWhiteSpace(text[end..]),
            DroppedShare = conversation.DroppedShare(answer),
        };
    }

    private string Render(IReadOnlyList<Message> messages, bool asks, IReadOnlyList<JsonElement>? tools) => _template.Render(messages, asks, _variables, tools);

    private static List<JsonElement>? Parsed(string? tools)
    {
        if (tools is null)
        {
            return null;
        }

        using var json = JsonDocument.Parse(tools);
        return [.. json.RootElement.EnumerateArray().Select(tool => tool.Clone())];
    }

    private static string Shown(string text)
    {
        const int Most = 160;
        var shown = text.Length <= Most ? text : "…" + text[^Most..];
        return shown.Replace("\n", "\\n", StringComparison.Ordinal);
    }

    // A generation prompt that opens a thought, or writes an empty one.
    [GeneratedRegex(@"(<(?:\w+:)?(?:think|thinking|thought|thoughts|reasoning|reason)>|\[THINK\]|◁think▷|<\|START_THINKING\|>|<\|begin_of_thought\|>)\s*(?:(?:</(?:\w+:)?\w+>|\[/THINK\]|◁/think▷|<\|END_THINKING\|>|<\|end_of_thought\|>)\s*)?$")]
    private static partial Regex OpenThought();

    /// <summary>The texts that one conversation gives, each rendered once and when it is needed.</summary>
    private sealed class Conversation
    {
        private readonly TurnFinder _finder;
        private readonly IReadOnlyList<Message> _before;
        private readonly IReadOnlyList<JsonElement>? _tools;
        private readonly Lazy<string?> _marked;
        private readonly IReadOnlyList<(int Start, int Length)> _spans;

        public Conversation(TurnFinder finder, IReadOnlyList<Message> before, Message answer, IReadOnlyList<JsonElement>? tools)
        {
            (_finder, _before, Answer, _tools) = (finder, before, answer, tools);
            Asked = finder.Render(before, asks: true, tools);
            (Text, _spans) = finder._template.RenderWithGeneration([.. before, answer], finder._variables, tools);
            _marked = new Lazy<string?>(RenderMarked);
        }

        public Message Answer { get; }

        /// <summary>P.</summary>
        public string Asked { get; }

        /// <summary>R.</summary>
        public string Text { get; }

        /// <summary>Where the answer's own text begins in R, where R has all that stands in front of it; null where that cannot be told.</summary>
        public int? AnswerStart => MarkStart is { } mark && Text.AsSpan().StartsWith(_marked.Value.AsSpan(0, mark), StringComparison.Ordinal) ? mark : null;

        private int? MarkStart => _marked.Value?.LastIndexOf(Mark, StringComparison.Ordinal) is { } mark and >= 0 ? mark : null;

        /// <summary>Where the turn begins in R; null where neither the prompt nor the header is found.</summary>
        public (int Start, TurnPlace Place)? Place()
        {
            if (Text.StartsWith(Asked, StringComparison.Ordinal))
            {
                return (Asked.Length, TurnPlace.Prompt);
            }

            var thought = OpenThought().Match(Asked) is { Success: true } match ? match.Index : (int?)null;
            if (thought is { } opened && Text.AsSpan().StartsWith(Asked.AsSpan(0, opened), StringComparison.Ordinal))
            {
                return (opened, TurnPlace.Header);
            }

            foreach (var header in Headers(thought).Where(header => !string.IsNullOrWhiteSpace(header)))
            {
                if (Find(header) is { } start)
                {
                    return (start, TurnPlace.Header);
                }
            }

            return null;
        }

        /// <summary>The generation blocks of the turn, those of earlier turns left out.</summary>
        public IReadOnlyList<(int Start, int Length)> SpansOfTurn(int? start)
        {
            if (start is { } known)
            {
                return [.. _spans.Where(span => span.Start >= known || span.Start + span.Length > known)];
            }

            var earlier = _before.Count(message => message.Role == "assistant");
            return _spans.Count > earlier ? [_spans[^1]] : [];
        }

        /// <summary>The role of a message that was asked with and of which the template writes nothing; null where there is none.</summary>
        public string? LostRole(string prompt) => _before.FirstOrDefault(message =>
            message.Role is "system" or "developer" or "user" && message.Content.Trim() is { Length: > 0 } content
                && !prompt.Contains(content, StringComparison.Ordinal))?.Role;

        /// <summary>What the template writes at the end of R that is not the turn's.</summary>
        public int TailLength()
        {
            if (MarkStart is not { } mark)
            {
                return 0;
            }

            var tail = _marked.Value.AsSpan(mark + Mark.Length);
            return tail.Length > 0 && Text.AsSpan().EndsWith(tail, StringComparison.Ordinal) ? tail.Length : 0;
        }

        /// <summary>The share of the turn's text and thoughts that does not stand in the answer.</summary>
        public double DroppedShare(string answer)
        {
            var texts = Answer.Texts().Select(text => text.Trim()).Where(text => text.Length > 0).Distinct(StringComparer.Ordinal).ToList();
            var length = texts.Sum(text => text.Length);
            return length == 0 ? 0 : texts.Sum(text => text.Length - KeptLength(text, answer)) / (double)length;
        }

        // Templates leave out the beginning of an answer, its thoughts: the longest end that is left.
        private static int KeptLength(string text, string answer)
        {
            if (answer.Contains(text, StringComparison.Ordinal))
            {
                return text.Length;
            }

            var (kept, lost) = (0, text.Length);
            while (lost - kept > 1)
            {
                var middle = (kept + lost) / 2;
                if (answer.AsSpan().Contains(text.AsSpan(text.Length - middle), StringComparison.Ordinal))
                {
                    kept = middle;
                }
                else
                {
                    lost = middle;
                }
            }

            return kept;
        }

        // What asking adds to the end of the text; and that up to a thought which it opens.
        private IEnumerable<string> Headers(int? thought)
        {
            var start = Asked.AsSpan().CommonPrefixLength(_finder.Render(_before, asks: false, _tools));
            yield return Asked[start..];
            if (thought > start)
            {
                yield return Asked[start..thought.Value];
            }
        }

        /// <summary>Where the text behind a header begins in R: the last header in front of the answer.</summary>
        private int? Find(string header)
        {
            if (MarkStart is not { } mark)
            {
                return null;
            }

            var front = _marked.Value![..mark];
            var at = front.LastIndexOf(header, StringComparison.Ordinal);
            var last = _before[^1].Content.Trim();
            if (at < 0 || (last.Length > 0 && front.LastIndexOf(last, StringComparison.Ordinal) > at + header.Length))
            {
                return null; // The header of an earlier turn.
            }

            var start = at + header.Length;
            if (Text.AsSpan().StartsWith(front.AsSpan(0, start), StringComparison.Ordinal))
            {
                return start;
            }

            // What stands in front depends on the answer itself: the header that is as many headers from the beginning.
            var place = Text.IndexOf(header, StringComparison.Ordinal);
            for (var next = front.IndexOf(header, StringComparison.Ordinal); place >= 0 && next >= 0
                && next < at; next = front.IndexOf(header, next + 1, StringComparison.Ordinal))
            {
                place = Text.IndexOf(header, place + 1, StringComparison.Ordinal);
            }

            return place < 0 ? null : place + header.Length;
        }

        private string? RenderMarked()
        {
            try
            {
                return _finder.Render([.. _before, Message.FromAssistant(Mark)], asks: false, _tools);
            }
            catch (InputException)
            {
                return null;
            }
        }
    }
}
