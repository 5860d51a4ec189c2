namespace Rlhf.Text;

/// <summary>The <c>post_processor</c> of a tokenizer.json: which special tokens stand around a text.</summary>
internal static class PostProcessor
{
    /// <summary>Reads the ids in front of and behind a single text.</summary>
    public static (int[] Prefix, int[] Suffix) FromJson(PlacedJson json, Vocabulary vocabulary)
    {
        if (json.IsNull)
        {
            return ([], []);
        }

        switch (json.Type())
        {
            case "ByteLevel":
                // It moves character offsets, which are not reported here.
                json.AllowOnly("type", "add_prefix_space", "trim_offsets", "use_regex");
                return ([], []);
            case "TemplateProcessing":
                // Command-R's file has ByteLevel's keys here, too; they move offsets or do nothing.
                json.AllowOnly("type", "single", "pair", "special_tokens", "add_prefix_space", "trim_offsets", "use_regex");
                return Template(json, vocabulary);
            case "Sequence":
                json.AllowOnly("type", "processors");
                var steps = json["processors"].Items().Select(step => FromJson(step, vocabulary)).ToList();
                // A later step wraps what the earlier ones made.
                return ([.. Enumerable.Reverse(steps).SelectMany(step => step.Prefix)], [.. steps.SelectMany(step => step.Suffix)]);
            case var other:
                throw json.Refuse($"the post-processor {other} is not supported (supported: Sequence, ByteLevel, TemplateProcessing)");
        }
    }

    private static (int[] Prefix, int[] Suffix) Template(PlacedJson json, Vocabulary vocabulary)
    {
        var (prefix, suffix) = (new List<int>(), new List<int>());
        var current = prefix;
        foreach (var item in json["single"].Items())
        {
            item.AllowOnly("SpecialToken", "Sequence");
            if (!item["Sequence"].IsNull)
            {
                if (current == suffix || item["Sequence"]["id"].Text() != "A")
                {
                    throw item.Refuse("expected the sequence A, once");
                }

                current = suffix;
                continue;
            }

            var name = item["SpecialToken"]["id"];
            foreach (var id in json["special_tokens"][name.Text()]["ids"].Items())
            {
                current.Add(id.Integer(Limits.TokenId));
                if (vocabulary[current[^1]] is null)
                {
                    throw id.Refuse("no token has this id");
                }
            }
        }

        if (current == prefix)
        {
            throw json["single"].Refuse("the sequence A is missing");
        }

        return ([.. prefix], [.. suffix]);
    }
}
