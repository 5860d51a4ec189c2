using System.CommandLine;
using System.Globalization;
using System.Text.Json;
using Rlhf.Model.Checkpoints;
using Rlhf.Text;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf tokenize</c>: a text as a model's tokenizer cuts it, or ids as text.</summary>
internal static class TokenizeCommand
{
    public static Command Create()
    {
        var model = new Option<string>("--model")
        {
            Description = "Folder with tokenizer.json, or vocab.json and merges.txt. " + ModelArguments.HubHelp,
            HelpName = "DIR",
            Required = true,
        };
        var text = new Argument<string?>("text") { Description = "The text; without it standard input is read.", Arity = ArgumentArity.ZeroOrOne };
        var decode =
            new Option<string?>("--decode") { Description = "Ids, separated by commas or spaces, that are turned into text instead.", HelpName = "IDS" };
        var special = new Option<bool>("--special") { Description = "Adds the special tokens that the tokenizer puts around a text." };
        var json = new Option<bool>("--json") { Description = "One JSON object: ids and tokens, or text." };
        return new Command("tokenize", "Shows how a tokenizer cuts a text into tokens, or what text some ids are.") { model, text, decode, special, json }
            .WithExamples(
                "rlhf tokenize --model ../shared/data/stories260k \"Once upon a time\"",
                "rlhf tokenize --model ../shared/data/stories260k --special --json < story.txt",
                "rlhf tokenize --model ../shared/data/stories260k --decode 1,403,407,261,378")
            .Does((parsed, _) =>
            {
                var tokenizer = Checkpoint.Open(parsed.GetValue(model)!).Tokenizer;
                if (parsed.GetValue(decode) is { } ids)
                {
                    Decode(parsed.Output(), tokenizer, Ids(ids), parsed.GetValue(json));
                }
                else
                {
                    Encode(parsed.Output(), tokenizer, parsed.GetValue(text) ?? WholeFile.StandardInputText(Limits.StandardInput), parsed.GetValue(special),
                        parsed.GetValue(json));
                }
            });
    }

    private static void Encode(TextWriter output, Tokenizer tokenizer, string text, bool special, bool json)
    {
        var ids = tokenizer.Encode(text, special);
        if (json)
        {
            output.WriteLine(JsonSerializer.Serialize(new { ids, tokens = ids.Select(tokenizer.TokenText) }));
            return;
        }

        foreach (var id in ids)
        {
            output.WriteLine(string.Create(CultureInfo.InvariantCulture, $"{id,8}  {tokenizer.TokenText(id)}{(tokenizer.IsSpecial(id) ? "  (special)" : "")}"));
        }
    }

    private static void Decode(TextWriter output, Tokenizer tokenizer, int[] ids, bool json)
    {
        if (Array.FindIndex(ids, id => id >= tokenizer.VocabularySize) is >= 0 and var beyond)
        {
            throw new InputException(
                string.Create(
                    CultureInfo.InvariantCulture, $"--decode: the tokenizer has no token {ids[beyond]}; its ids end at {tokenizer.VocabularySize - 1}."));
        }

        var text = tokenizer.Decode(ids, skipSpecialTokens: false);
        output.WriteLine(json ? JsonSerializer.Serialize(new { text }) : text);
    }

    private static int[] Ids(string list) =>
    [
        .. list.Split([',', ' ', '\t', '\n'], StringSplitOptions.RemoveEmptyEntries).Select(part =>
            int.TryParse(part, NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                ? id
                : throw new InputException($"--decode: '{part}' is not a token id; expected whole numbers separated by commas or spaces.")),
    ];
}
