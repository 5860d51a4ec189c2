using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>Says a tokenizer in the words of a GGUF file.</summary>
internal static class GgufVocabularyWriter
{
    private const string Space = "\u2581";

    /// <summary>The tokenizer as GGUF files list it.</summary>
    /// <param name="tokenizer">The tokenizer.</param>
    /// <param name="rows">Rows of the embedding: each gets a token.</param>
    /// <exception cref="InputException">GGUF has no name for what it does.</exception>
    public static GgufVocabulary Of(Tokenizer tokenizer, int rows)
    {
        var definition = tokenizer.Definition;
        var where = tokenizer.Files.PathOf(tokenizer.Files.Has(TokenizerFiles.TokenizerJson) ? TokenizerFiles.TokenizerJson : "vocab.json");
        if (definition.Vocabulary.Size > rows)
        {
            throw new InputException($"{where}: the tokenizer has {definition.Vocabulary.Size} tokens, but the embedding has {rows} rows.");
        }

        var isByteLevel = tokenizer.IsByteLevel;
        string[] tokens = [.. Enumerable.Range(0, rows).Select(id => definition.Vocabulary[id] ?? FormattableString.Invariant($"[PAD{id}]"))];
        string[] merges = [.. definition.Model.MergesByRank.Select(merge => $"{tokens[merge.Left]} {tokens[merge.Right]}")];
        var ends = tokenizer.EndOfSequenceIds.Where(id => id < rows).ToArray();
        var around = Around(definition, tokenizer, where);
        return new GgufVocabulary
        {
            Kind = isByteLevel ? GgufVocabulary.BytePairs : GgufVocabulary.SentencePiece,
            Pre = isByteLevel ? Pre(tokenizer, where) : GgufSplits.Default,
            Tokens = tokens,
            Types = Types(definition, tokens, isByteLevel),
            Scores = isByteLevel ? null : Scores(definition, rows),
            Merges = isByteLevel ? merges : [],
            Beginning = tokenizer.BeginningOfSequence,
            End = ends.Length > 0 ? ends[0] : null,
            EndOfTurn = ends.Length > 1 ? ends[1] : null,
            Unknown = definition.Model.UnknownId,
            Padding = Named(tokenizer, "pad_token"),
            AddsBeginning = around.Beginning,
            AddsEnd = around.End,
            AddsSpace = !isByteLevel && AddsSpace(tokenizer, where),
            ChatTemplate = tokenizer.ChatTemplate?.Source,
        };
    }

    private static (bool Beginning, bool End) Around(TokenizerDefinition definition, Tokenizer tokenizer, string where)
    {
        var (prefix, suffix) = (definition.Prefix, definition.Suffix);
        var isKnown = (prefix is [] || (prefix is [var first] && first == tokenizer.BeginningOfSequence))
            && (suffix is [] || (suffix is [var last] && last == tokenizer.EndOfSequence));
        return isKnown
            ? (prefix.Length > 0, suffix.Length > 0)
            : throw Refuse(where, "puts other tokens around texts than those that begin and end a sequence");
    }

    private static int[] Types(TokenizerDefinition definition, string[] tokens, bool isByteLevel)
    {
        var types = new int[tokens.Length];
        for (var id = 0; id < tokens.Length; id++)
        {
            types[id] = definition.Vocabulary[id] is not { } token ? GgufVocabulary.Unused
                : !isByteLevel && token.Length == 6 && token.StartsWith("<0x", StringComparison.Ordinal) && token[5] == '>' ? GgufVocabulary.ByteType
                : GgufVocabulary.Normal;
        }

        foreach (var token in definition.AddedTokens)
        {
            types[token.Id] = token.IsSpecial ? GgufVocabulary.Control : GgufVocabulary.UserDefined;
        }

        if (!isByteLevel && definition.Model.UnknownId is { } unknown)
        {
            types[unknown] = GgufVocabulary.UnknownType;
        }

        return types;
    }

    // A piece is as good as the first merge that makes it; what no merge makes comes behind.
    private static double[] Scores(TokenizerDefinition definition, int rows)
    {
        var made = definition.Model.MadeByRank;
        var scores = new double[rows];
        for (var id = 0; id < rows; id++)
        {
            scores[id] = made.TryGetValue(id, out var rank) ? -rank : -(made.Count + id);
        }

        return scores;
    }

    private static string Pre(Tokenizer tokenizer, string where)
    {
        var files = tokenizer.Files;
        if (!files.Has(TokenizerFiles.TokenizerJson))
        {
            var isQwen = files.Json(TokenizerFiles.Config)["tokenizer_class"].OptionalText()?.StartsWith("Qwen2", StringComparison.Ordinal) == true;
            return GgufSplits.NameOf([isQwen ? SplitPattern.Qwen : SplitPattern.Gpt2], ignoresMerges: false)!;
        }

        var json = files.Json(TokenizerFiles.TokenizerJson);
        var patterns = new List<string>();
        AddPatterns(json["pre_tokenizer"], patterns, where);
        return GgufSplits.NameOf(patterns, json["model"]["ignore_merges"].Boolean(false))
            ?? throw Refuse(where, $"cuts texts in a way that GGUF has no name for ({string.Join(", then ", patterns)})");
    }

    private static void AddPatterns(PlacedJson json, List<string> patterns, string where)
    {
        switch (json.Type())
        {
            case "Sequence":
                foreach (var step in json["pretokenizers"].Items())
                {
                    AddPatterns(step, patterns, where);
                }

                break;
            case "Digits" when json["individual_digits"].Boolean(false):
                patterns.Add(GgufSplits.Digit);
                break;
            case "Split" when json["behavior"].Text() == nameof(SplitBehavior.Isolated) && !json["invert"].Boolean(false) && !json["pattern"]["Regex"].IsNull:
                patterns.Add(json["pattern"]["Regex"].Text());
                break;
            case "ByteLevel" when !json["add_prefix_space"].Boolean(true):
                if (json["use_regex"].Boolean(true))
                {
                    patterns.Add(SplitPattern.Gpt2);
                }

                break;
            default:
                throw Refuse(where, $"has the pre-tokenizer {json.Element.GetRawText()}, which GGUF has no name for");
        }
    }

    private static bool AddsSpace(Tokenizer tokenizer, string where)
    {
        var json = tokenizer.Files.Json(TokenizerFiles.TokenizerJson);
        if (!json["model"]["byte_fallback"].Boolean(false))
        {
            throw Refuse(where, "is neither byte-level nor of SentencePiece's kind with bytes for unknown characters");
        }

        // Gemma's cuts at spaces, of which the normalizer has left none.
        var cutsNothing = !json["pre_tokenizer"].IsNull && json["pre_tokenizer"].Type() == "Split" && !json["normalizer"].IsNull
            && json["pre_tokenizer"]["pattern"]["String"].OptionalText() == " ";
        if (!json["pre_tokenizer"].IsNull && !cutsNothing)
        {
            return json["pre_tokenizer"].Type() == "Metaspace" && !json["pre_tokenizer"]["split"].Boolean(true)
                ? MetaspacePreTokenizer.Scheme(json["pre_tokenizer"]) != PrependScheme.Never
                : throw Refuse(where, "cuts texts into words in front of SentencePiece's merges, which GGUF has no name for");
        }

        var adds = false;
        var replaces = false;
        var normalizer = json["normalizer"];
        foreach (var step in normalizer.IsNull ? [] : normalizer.Type() == "Sequence" ? [.. normalizer["normalizers"].Items()] : (PlacedJson[])[normalizer])
        {
            var isReplacement = step.Type() == "Replace" && step["pattern"]["String"].OptionalText() == " " && step["content"].Text() == Space;
            var isPrefix = step.Type() == "Prepend" && step["prepend"].Text() == Space;
            if (!isReplacement && !isPrefix)
            {
                throw Refuse(where, $"has the normalizer {step.Element.GetRawText()}, which GGUF has no name for");
            }

            adds |= isPrefix;
            replaces |= isReplacement;
        }

        return replaces ? adds : throw Refuse(where, "has no sign for spaces, which GGUF expects");
    }

    private static int? Named(Tokenizer tokenizer, string key) =>
        new[] { TokenizerFiles.Config, "special_tokens_map.json" }
            .Select(name => SpecialTokens.Content(tokenizer.Files.Json(name)[key]))
            .Where(text => !string.IsNullOrEmpty(text))
            .Select(text => tokenizer.FindId(text!))
            .FirstOrDefault(id => id is not null);

    private static InputException Refuse(string where, string what) => new($"{where}: the tokenizer {what}. Export as safetensors.");
}
