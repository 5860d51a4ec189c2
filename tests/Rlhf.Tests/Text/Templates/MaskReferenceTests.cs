using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Text.Templates;

namespace Rlhf.Tests.Text.Templates;

/// <summary>Which tokens of a conversation are trained, for real chat templates: against ids that transformers and tokenizers gave.</summary>
public sealed class MaskReferenceTests
{
    public static TheoryData<string> Files { get; } = [.. MaskFile.Installed.DefaultIfEmpty("")];

    [MaskTheory]
    [MemberData(nameof(Files))]
    public void The_prompt_and_the_trained_ids_of_every_turn_are_the_references(string name)
    {
        using var file = MaskFile.Open(name);
        using var folder = new TestFolder();
        var encoder = new SequenceEncoder(file.Tokenizer,
            new FormatOptions { Template = FormatTemplate.Tokenizer, AddEos = file.Tokenizer.EndOfSequence is not null }, new EncodingOptions(), folder.Ledger);
        Assert.All(file.Cases, item => Check(item, encoder, folder));
    }

    /// <summary>The same answer gives the same ids as a conversation's last turn, as a response to a prompt, and as an answer of a comparison.</summary>
    [MaskTheory]
    [MemberData(nameof(Files))]
    public void An_answer_has_the_same_ids_in_every_kind_of_row(string name)
    {
        using var file = MaskFile.Open(name);
        using var folder = new TestFolder();
        var encoder = new SequenceEncoder(file.Tokenizer,
            new FormatOptions { Template = FormatTemplate.Tokenizer, AddEos = file.Tokenizer.EndOfSequence is not null }, new EncodingOptions(), folder.Ledger);
        foreach (var item in file.Cases.Where(item => item["examples"] is not null && item["tools"] is null))
        {
            var messages = item["messages"]!.AsArray();
            if (messages[^2]!["role"]!.GetValue<string>() == "assistant" || messages[^1]!.AsObject().Count > 2)
            {
                continue; // two answers in a row, or an answer with fields of its own
            }

            var demonstration = folder.Demonstrations(new JsonObject { ["messages"] = messages.DeepClone() }.ToJsonString()).Single();

            var expected = encoder.EncodeTurns(demonstration)[^1];
            var response = encoder.EncodeAnswer(demonstration)!;
            Assert.Equal(expected.Tokens, response.Tokens);
            Assert.Equal(expected.PromptLength, response.PromptLength);
            var ranking =
                new Ranking("", demonstration.Prompt, [demonstration.Response, "Another."], null, [(0, 1)], [], null, null, 1, demonstration.Position);
            Assert.Equal(expected.Tokens, encoder.Encode(ranking)!.Answers[0].Tokens);
        }
    }

    private static void Check(JsonObject item, SequenceEncoder encoder, TestFolder folder)
    {
        var row = new JsonObject { ["messages"] = item["messages"]!.DeepClone() };
        if (item["tools"] is { } tools)
        {
            row["tools"] = tools.DeepClone();
        }

        IReadOnlyList<EncodedSequence> examples;
        try
        {
            examples = encoder.EncodeTurns(folder.Demonstrations(row.ToJsonString()).Single());
        }
        catch (InputException error)
        {
            Assert.True(item.ContainsKey("refused") || item.ContainsKey("refused_ok"), $"{item["name"]}: {error.Message}");
            return;
        }

        Assert.True(item["examples"] is JsonArray, $"{item["name"]}: {item["refused"]}");
        var expected = item["examples"]!.AsArray();
        Assert.Equal(expected.Count, examples.Count);
        foreach (var (right, found) in expected.Zip(examples))
        {
            int[] prompt = found.Tokens[..found.PromptLength], trained = found.Tokens[found.PromptLength..];
            JsonNode[] accepted = [right!, .. right!["also"]?.AsArray().Select(other => other!) ?? []];
            Assert.True(
                accepted.Any(one => Ids(one["prompt_ids"]!).SequenceEqual(prompt) && Ids(one["trained_ids"]!).SequenceEqual(trained)),
                $"{item["name"]}: {right["trained_text"]} is [{string.Join(' ', trained)}] behind [{string.Join(' ', prompt)}]");
        }
    }

    private static IEnumerable<int> Ids(JsonNode ids) => ids.AsArray().Select(id => id!.GetValue<int>());
}

/// <summary>A theory over the files of <c>cases/masks</c>; skipped, and says so, where they or the packages of <c>tests/tokenizers</c> are absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class MaskTheoryAttribute : TheoryAttribute
{
    public MaskTheoryAttribute()
    {
        if (!MaskFile.Installed.Any())
        {
            Skip = $"{MaskFile.Folder} or the packages of tests/tokenizers (npm ci) are absent";
        }
    }
}
