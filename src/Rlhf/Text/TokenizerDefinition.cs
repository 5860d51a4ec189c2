using Rlhf.Text.Patterns;

namespace Rlhf.Text;

/// <summary>What the files of a tokenizer say: the parts that text goes through.</summary>
internal sealed record TokenizerDefinition
{
    /// <summary>Spellings and ids, those of added tokens included.</summary>
    public required Vocabulary Vocabulary { get; init; }

    /// <summary>Tokens that are cut out of the text first.</summary>
    public required IReadOnlyList<AddedToken> AddedTokens { get; init; }

    /// <summary>Rewrites the text between added tokens.</summary>
    public Normalizer? Normalizer { get; init; }

    /// <summary>Cuts the text into words; without one all of it is one word.</summary>
    public PreTokenizer? PreTokenizer { get; init; }

    /// <summary>Turns words into ids.</summary>
    public required BytePairModel Model { get; init; }

    /// <summary>Turns tokens into text.</summary>
    public required TokenDecoder Decoder { get; init; }

    /// <summary>Ids in front of the text when special tokens are wanted.</summary>
    public int[] Prefix { get; init; } = [];

    /// <summary>Ids behind the text when special tokens are wanted.</summary>
    public int[] Suffix { get; init; } = [];

    /// <summary>Characters of a text that a token stands for at most; null where any number can vanish in one: taken along as white space, left out, or joined
    /// as unknown.</summary>
    public int? LongestToken()
    {
        if (PreTokenizer?.Removes == true || Model.FusesUnknown || AddedTokens.Any(token => token.TakesSpaceBefore || token.TakesSpaceAfter))
        {
            return null;
        }

        var longest = 2; // an unknown character may be two units
        for (var id = 0; id < Vocabulary.Size; id++)
        {
            longest = Math.Max(longest, Vocabulary[id]?.Length ?? 0);
        }

        return Normalizer is null ? longest : longest * Normalizer.MostBecomeOne;
    }

    /// <summary>Reads tokenizer.json, or vocab.json + merges.txt.</summary>
    public static TokenizerDefinition FromFiles(TokenizerFiles files)
    {
        if (files.Has(TokenizerFiles.TokenizerJson))
        {
            return FromTokenizerJson(files);
        }

        if (files.Has("vocab.json") && files.Has("merges.txt"))
        {
            return FromVocabularyAndMerges(files);
        }

        throw new InputException($"{files.PathOf("")}: has neither tokenizer.json nor vocab.json and merges.txt");
    }

    private static TokenizerDefinition FromTokenizerJson(TokenizerFiles files)
    {
        var json = files.Json(TokenizerFiles.TokenizerJson);
        // Truncation and padding are settings of one call, which libraries store here too; every call of ours states its own.
        json.AllowOnly("version", "truncation", "padding", "added_tokens", "normalizer", "pre_tokenizer", "post_processor", "decoder", "model");
        var model = json["model"];
        model.AllowOnly(
            "type", "dropout", "unk_token", "continuing_subword_prefix", "end_of_word_suffix", "fuse_unk", "byte_fallback", "ignore_merges", "vocab", "merges");
        if (model["type"].OptionalText() is { } type and not "BPE")
        {
            throw model.Refuse($"the model {type} is not supported (supported: BPE)");
        }

        if (model["dropout"] is { IsNull: false } dropout && dropout.Element.GetRawText() is not ("0" or "0.0"))
        {
            throw dropout.Refuse("dropout of merges is not supported");
        }

        foreach (var affix in (ReadOnlySpan<string>)["continuing_subword_prefix", "end_of_word_suffix"])
        {
            if (!string.IsNullOrEmpty(model[affix].OptionalText()))
            {
                throw model[affix].Refuse("affixes of subwords are not supported");
            }
        }

        var vocabulary = Vocabulary.FromJson(model["vocab"]);
        var preTokenizer = PreTokenizer.FromJson(json["pre_tokenizer"]);
        var unknown = model["unk_token"].OptionalText();
        var rules = new BytePairRules(
            unknown is null ? null : vocabulary.Find(unknown), model["fuse_unk"].Boolean(false), model["byte_fallback"].Boolean(false),
            model["ignore_merges"].Boolean(false));
        foreach (var part in (string[])["normalizer", "pre_tokenizer", "decoder"])
        {
            json[part].RequireShort(Limits.TokenizerSteps);
        }

        var merges = MergeList.FromJson(model["merges"], vocabulary);
        var bytePairs = new BytePairModel(vocabulary, merges, rules, preTokenizer is { IsByteLevel: true, Spells: false });
        var added = json["added_tokens"].IsNull ? [] : json["added_tokens"].Items().Select(item => AddedToken.FromJson(item)).ToList();
        foreach (var token in added)
        {
            vocabulary.Add(token.Content, token.Id, json["added_tokens"]);
        }

        AddConfigured(files, vocabulary, added);
        var (prefix, suffix) = PostProcessor.FromJson(json["post_processor"], vocabulary);
        return new TokenizerDefinition
        {
            Vocabulary = vocabulary,
            AddedTokens = added,
            Normalizer = Normalizer.FromJson(json["normalizer"]),
            PreTokenizer = preTokenizer,
            Model = bytePairs,
            Decoder = TokenDecoder.FromJson(json["decoder"]),
            Prefix = prefix,
            Suffix = suffix,
        };
    }

    private static TokenizerDefinition FromVocabularyAndMerges(TokenizerFiles files)
    {
        var vocabulary = Vocabulary.FromJson(files.Json("vocab.json"));
        var merges = MergeList.FromText(files.PathOf("merges.txt"), files.Content("merges.txt"), vocabulary);
        var added = new List<AddedToken>();
        foreach (var (content, id) in files.Json("added_tokens.json").Members())
        {
            vocabulary.Add(content, id.Integer(Limits.TokenId), id);
            added.Add(new AddedToken(id.Integer(Limits.TokenId), content, IsSpecial: false));
        }

        var config = files.Json(TokenizerFiles.Config);
        AddConfigured(files, vocabulary, added);
        if (!added.Exists(token => token.Content == SpecialTokens.Gpt2EndOfText) && vocabulary.Find(SpecialTokens.Gpt2EndOfText) is { } end)
        {
            added.Add(new AddedToken(end, SpecialTokens.Gpt2EndOfText, IsSpecial: true));
        }

        var special = SpecialTokens.FromFiles(files, vocabulary);
        var addPrefixSpace = config["add_prefix_space"].Boolean(false);
        var isQwen = config["tokenizer_class"].OptionalText() switch
        {
            null or "GPT2Tokenizer" or "GPT2TokenizerFast" => false,
            "Qwen2Tokenizer" or "Qwen2TokenizerFast" => true,
            var other => throw config["tokenizer_class"].Refuse(
                $"{other} is not supported with vocab.json + merges.txt; save it as tokenizer.json"),
        };
        return new TokenizerDefinition
        {
            Vocabulary = vocabulary,
            AddedTokens = added,
            Normalizer = isQwen ? Normalizer.FromJson(PlacedJson.Parse("Qwen2Tokenizer", """{"type": "NFC"}"""u8.ToArray())) : null,
            PreTokenizer = new ByteLevelPreTokenizer(addPrefixSpace, isQwen ? new TiktokenPattern(1) : new Gpt2Pattern()),
            Model = new BytePairModel(vocabulary, merges, new BytePairRules(), byteLevel: true),
            Decoder = TokenDecoder.CreateByteLevel(),
            Prefix = config["add_bos_token"].Boolean(false) && special.Beginning is { } first ? [first] : [],
            Suffix = config["add_eos_token"].Boolean(false) && special.Ends.Count > 0 ? [special.Ends[0]] : [],
        };
    }

    /// <summary>Adds what tokenizer_config.json and special_tokens_map.json name and the list does not have yet.</summary>
    private static void AddConfigured(TokenizerFiles files, Vocabulary vocabulary, List<AddedToken> added)
    {
        var known = added.Select(token => token.Content).ToHashSet();
        var decoder = files.Json(TokenizerFiles.Config)["added_tokens_decoder"];
        foreach (var (key, entry) in decoder.IsNull ? [] : decoder.Members())
        {
            if (!int.TryParse(key, out var id) || id < 0 || id > Limits.TokenId)
            {
                throw entry.Refuse("expected a token id as the key");
            }

            var token = AddedToken.FromJson(entry, id);
            if (vocabulary[id] is not null && vocabulary.Find(token.Content) is null && !added.Exists(other => other.Id == id))
            {
                vocabulary.Rename(token.Content, id);
            }

            vocabulary.Add(token.Content, id, entry);
            if (known.Add(token.Content))
            {
                added.Add(token);
            }
        }

        foreach (var content in SpecialTokens.NamedIn(files))
        {
            var index = added.FindIndex(token => token.Content == content);
            if (index >= 0)
            {
                added[index] = added[index] with { IsSpecial = true };
            }
            else if (content.Length > 0 && vocabulary.Find(content) is { } id)
            {
                added.Add(new AddedToken(id, content, IsSpecial: true));
            }
        }
    }
}
