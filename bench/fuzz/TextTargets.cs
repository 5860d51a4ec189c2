using System.IO.Compression;
using System.Text;
using System.Text.Json.Nodes;
using Rlhf.Data;
using Rlhf.Data.RowForms;
using Rlhf.Runs;
using Rlhf.Text;

namespace Fuzz;

/// <summary>Templates, tokenizers, rows, recipes.</summary>
internal static class TextTargets
{
    private const string Sample = "Hello, w\u00F6rld!  It's 12345 \U0001F600\n\n</s><s>  a\u0301";

    private static readonly string[] Templates =
    [
        "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\\n' + message['content'] + '<|im_end|>\\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\\n' }}{% endif %}",
        "{%- if messages[0]['role'] == 'system' -%}{%- set system = messages[0].content | trim -%}{%- set rest = messages[1:] -%}{%- else -%}{%- set rest = messages -%}{%- endif -%}"
            + "{% for m in rest %}{% if (m.role == 'user') != (loop.index0 % 2 == 0) %}{{ raise_exception('roles') }}{% endif %}{% if loop.last and m.role == 'assistant' %}{% generation %}{{ m.content }}{% endgeneration %}{% endif %}{% endfor %}",
        "{% macro show(value, depth=0) %}{% if value is mapping %}{% for k, v in value | dictsort %}{{ ' ' * depth }}{{ k }}: {{ show(v, depth=depth + 1) }}{% endfor %}{% elif value is iterable and value is not string %}{{ value | map('string') | join(', ') }}{% else %}{{ value | tojson }}{% endif %}{% endmacro %}{{ show(d) }}{{ show(items) }}",
        "{% set ns = namespace(found=false, text='') %}{% for c in items | sort(reverse=true) %}{% set ns.text = ns.text ~ c %}{% if c > 2 %}{% set ns.found = true %}{% break %}{% endif %}{% endfor %}{{ ns.text | indent(2) }}{{ ns.found }}{{ loop is defined }}",
        "{% set parts = messages[0].content.split('l') %}{{ parts[-1].strip().upper() }}{{ parts | length }}{{ parts[::-1] | join('l') }}{{ 'abc'.replace('b', 'x' * 3) }}{{ d.items() | list }}{{ strftime_now('%d %B %Y') }}{% filter upper %}x{% endfilter %}",
        "{% set ns = namespace(a=[1,1]) %}{% for i in range(40) %}{% set ns.a = [ns.a,ns.a] %}{% endfor %}{{ ns.a }}",
        "{% set s = 'x' * 300000 %}{% for i in range(100000) %}{% set t = s.upper() %}{% endfor %}",
    ];

    private static readonly string[] TemplateWords =
    [
        "{{ ", " }}", "{% ", " %}", "{%- if x %}", "{% endif %}", "{% for i in range(9) %}", "{% endfor %}", "{% set a = ", "{% macro m() %}",
        "{% endmacro %}", "{# ", " #}", "messages", "ns.a", "loop.", "items", "d", "[0]",
        "[::-1]", "[1:9999999999]", " ~ ", " + ", " * 99999 ", " ** ", " // 0 ", " % ", " in ", " not in ", " == ", " < ", " and ", " or ", " if ", " else ",
        " is ", "defined", "divisibleby(0)", "sameas", " | ", "list", "tojson", "join",
        "unique", "sort", "map('upper')", "map('map', 'map')", "selectattr('a')", "batch", "dictsort", "indent(9999)", "replace('', '')", "round(99)", "int",
        "float", "length", "default(", ".split()", ".format(", "namespace(", "range(100000)",
        "dict(a=1)", "raise_exception(", "strftime_now('%Q')", "-9223372036854775808", "1e308", "'\\ud800'", "(", ")", "[", "]", "{", "}", "'", "\"",
        "{% generation %}", "{% break %}", "{% filter ", "{% raw %}", "m()", "caller",
    ];

    private static readonly string[] Rows =
    [
        """
        {"prompt": "Name a fruit.", "response": "An apple."}
        {"id": "two", "prompt": "Name a colour.", "completion": "Red.", "weight": 1}
        {"messages": [{"role": "system", "content": "Be kind."}, {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Hello"}]}
        {"instruction": "Add.", "input": "1, 2", "output": "3"}
        """,
        """
        {"prompt": "Name a fruit.", "chosen": "An apple.", "rejected": "Go away."}
        {"chosen": "\n\nHuman: Hi\n\nAssistant: Hello", "rejected": "\n\nHuman: Hi\n\nAssistant: No"}
        {"chosen": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "b"}], "rejected": [{"role": "user", "content": "a"}, {"role": "assistant", "content": "c"}], "score_chosen": 3, "score_rejected": 1}
        """,
        """
        {"prompt": "p", "responses": ["a", "b", "c"], "ranking": [[1], [0, 2]], "labeler": "ann"}
        {"prompt": "p", "responses": ["a", "b"], "scores": [0.5, 1.5]}
        {"prompt": "p", "completion": "c", "label": false}
        {"conversations": [{"from": "human", "value": "q"}, {"from": "gpt", "value": "a"}], "tools": []}
        """,
        """[{"text": "Once upon a time."}, {"prompt": "x"}, {"prompt": [{"role": "user", "content": "x"}], "response": null}]""",
    ];

    private static readonly string[] Recipes =
    [
        """
        name: mine
        base: {model: path/to/model}
        data:
          demonstrations: {path: demonstrations.jsonl, held_out: 0.1}
          comparisons: {path: [comparisons.jsonl, "more/*.jsonl.gz"], held_out: 0.1, on_bad_row: drop}
          prompts: {path: prompts.jsonl, held_out: 0.1}
        sft: {epochs: 2, learning_rate: 1e-5}
        reward: {second_model: {drop_fraction: 0.1}}
        ppo: {steps: 50, rollouts_per_step: 128, minibatch: 32, score_normalization: sft_samples}
        """,
        """
        # a comment
        name: "quick"
        seed: 3
        rounds: 2
        base:
          model: &path models/small
        format:
          template: custom
          prompt: "Q: {prompt}\nA:"
        data:
          demonstrations: {path: [a.jsonl, "b/*.jsonl.gz"], take: chosen, held_out: 0.1, on_bad_row: drop}
          prompts: {path: prompts.jsonl}
          comparisons: {path: pairs.jsonl, fields: {prompt: question}}
        sft:
          learning_rate: 1e-3
          warm_up_steps: 10
          limits: {max_prompt_tokens: 256, max_response_tokens: 128, on_overlong: drop}
        ppo: {steps: 3, kl_coefficient: 0.05, rollouts_per_step: 8, minibatch: 4}
        """,
    ];

    public static IEnumerable<FuzzTarget> All { get; } =
    [
        new("template", 20, ReadTemplate, () => Templates.Select(text => FuzzTarget.Text("chat_template.jinja", text)))
        {
            Words = TemplateWords,
            OnDisk = false,
        },
        new("tokenizer", 10, ReadTokenizer, Tokenizers) { OnDisk = false, Words = JsonMutator.Texts },
        new("vocabulary", 8, ReadTokenizer, Vocabularies) { OnDisk = false, Words = ["#version: 0.2\n", "\u0120 a", "a  b", "\n\n", "a b c"] },
        new("rows", 14, ReadRows, () => Rows.Select(text => FuzzTarget.Text("rows.jsonl", text))),
        new("gzip", 5, ReadRows, () => Rows.Select(text => new FuzzCase([KeyValuePair.Create("rows.gz", Packed(text))]))),
        new("tables", 8, ReadRows, TableSeeds.All) { Words = ["PAR1", "ARROW1", ",", "\"", ";", "\t", "\r\n", "\u0000\uFFFF", "\uFFFF\uFFFF\uFFFF\uFFFF"] },
        new("recipe", 12, ReadRecipe, () => Recipes.Select(text => FuzzTarget.Text("recipe.yaml", text))) { OnDisk = false, Words =
        [
            ": ",
            "- ",
            "{",
            "}",
            "[",
            "]",
            "&a ",
            "*a",
            "<<: ",
            "!!int ",
            "|\n",
            "---\n",
            "...\n",
            "\t",
            "null",
            "~",
            "1e999",
            "nan",
            "sft:",
            "ppo:",
            "data:",
            "path:",
            "\"\\uD800\"",
        ] },
        new("set", 10, ReadOverrides,
        () => [FuzzTarget.Text("overrides.set", "ppo.steps=50\nname=\"x\"\nsft={epochs: 2, batch: 8}\ndata.prompts.path=[a.jsonl, b.jsonl]\nseed=7")])
        {
            OnDisk = false,
            Words = ["=", ".", "..", "{", "[", "*", "&", "\n", "rounds", "sft.", "'", "\"\\udc00\"", "9999999999999999999"],
        },
    ];

    private static void ReadTemplate(FuzzCase input, string folder)
    {
        var template = ChatTemplate.Parse(TextOf(input, "chat_template.jinja"), "<s>", "</s>");
        var variables = new Dictionary<string, object?>
        {
            ["items"] = new[] { 3, 1, 2 },
            ["d"] = new Dictionary<string, object?> { ["x"] = 1, ["y"] = new object?[] { true, null, 2.5 } },
        };
        Message[] messages = [new("user", "Hello"), new("assistant", "Hi"), new("user", "x")];
        template.Render(messages, addGenerationPrompt: true, variables);
    }

    private static void ReadTokenizer(FuzzCase input, string folder)
    {
        var tokenizer = Tokenizer.FromFiles(new TokenizerFiles("fuzz", input.Files.ToDictionary()));
        var ids = tokenizer.Encode(Sample, addSpecialTokens: true);
        tokenizer.Decode(ids);
        tokenizer.Decode(tokenizer.EncodeContinuation(" on" + Sample), skipSpecialTokens: false);
        _ = tokenizer.LongestToken;
        _ = tokenizer.ChatTemplate;
        foreach (var id in ids)
        {
            tokenizer.TokenText(id);
        }
    }

    private static void ReadRows(FuzzCase input, string folder)
    {
        var source = new DataSource { Path = [input.Files.Keys.First()] };
        EachRefused(
            () => DataReader.Demonstrations(source, folder, new Ledger("fuzz")).Count(),
            () => DataReader.Rankings(source with { OnBadRow = BadRowPolicy.Drop }, folder, new Ledger("fuzz")).Count(),
            () => DataReader.Prompts(source, folder, new Ledger("fuzz")).Count(),
            () => DataReader.Texts(source, folder, new Ledger("fuzz")).Count());
    }

    private static void ReadRecipe(FuzzCase input, string folder) => RecipeReader.Parse(TextOf(input, "recipe.yaml"), "recipe.yaml", "/fuzz");

    private static void ReadOverrides(FuzzCase input, string folder) =>
        RecipeReader.Parse(Recipes[0], "recipe.yaml", "/fuzz", TextOf(input, "overrides.set").Split('\n'));

    /// <summary>Carries out all of them; the last refusal is thrown.</summary>
    private static void EachRefused(params Func<int>[] readers)
    {
        InputException? refusal = null;
        foreach (var read in readers)
        {
            try
            {
                read();
            }
            catch (InputException exception)
            {
                refusal = exception;
            }
        }

        if (refusal is not null)
        {
            throw refusal;
        }
    }

    private static IEnumerable<FuzzCase> Tokenizers()
    {
        var files = Trained();
        yield return new FuzzCase(files);
        foreach (var (part, json) in new[]
        {
            ("normalizer", """{"type": "Sequence", "normalizers": [{"type": "NFC"}, {"type": "Replace", "pattern": {"String": " "}, "content": "_"}, {"type": "Prepend", "prepend": "x"}, {"type": "Strip", "strip_left": true, "strip_right": true}]}"""),
            ("pre_tokenizer", """{"type": "Sequence", "pretokenizers": [{"type": "Split", "pattern": {"Regex": "\\d{1,3}|\\p{L}+|\\s+(?!\\S)|[^\\s]"}, "behavior": "Isolated", "invert": false}, {"type": "Digits", "individual_digits": true}, {"type": "ByteLevel", "add_prefix_space": false, "trim_offsets": true, "use_regex": false}]}"""),
            ("post_processor", """{"type": "TemplateProcessing", "single": [{"SpecialToken": {"id": "<s>", "type_id": 0}}, {"Sequence": {"id": "A", "type_id": 0}}], "pair": [], "special_tokens": {"<s>": {"id": "<s>", "ids": [0], "tokens": ["<s>"]}}}"""),
            ("decoder", """{"type": "Sequence", "decoders": [{"type": "Replace", "pattern": {"String": "_"}, "content": " "}, {"type": "ByteFallback"}, {"type": "Fuse"}, {"type": "Strip", "content": " ", "start": 1, "stop": 0}]}"""),
        })
        {
            var root = JsonNode.Parse(files["tokenizer.json"])!.AsObject();
            root[part] = JsonNode.Parse(json);
            yield return new FuzzCase(new Dictionary<string, byte[]>(files) { ["tokenizer.json"] = Encoding.UTF8.GetBytes(root.ToJsonString()) });
        }
    }

    private static IEnumerable<FuzzCase> Vocabularies()
    {
        var model = JsonNode.Parse(Trained()["tokenizer.json"])!["model"]!;
        var merges = model["merges"]!.AsArray().Select(merge => merge is JsonArray pair ? $"{pair[0]} {pair[1]}" : (string)merge!);
        yield return new FuzzCase(
        [
            KeyValuePair.Create("vocab.json", Encoding.UTF8.GetBytes(model["vocab"]!.ToJsonString())),
            KeyValuePair.Create("merges.txt", Encoding.UTF8.GetBytes("#version: 0.2\n" + string.Join('\n', merges))),
            KeyValuePair.Create("added_tokens.json", Encoding.UTF8.GetBytes("""{"<|endoftext|>": 290}""")),
            KeyValuePair.Create(
                "tokenizer_config.json", Encoding.UTF8.GetBytes(
                    """{"add_prefix_space": false, "tokenizer_class": "GPT2Tokenizer", "eos_token": "<|endoftext|>", "model_max_length": 1024}""")),
            KeyValuePair.Create(
                "special_tokens_map.json", Encoding.UTF8.GetBytes(
                    """{"eos_token": {"content": "<|endoftext|>", "lstrip": false, "normalized": true, "rstrip": false, "single_word": false}}""")),
        ]);
    }

    /// <summary>The files of a small byte-level tokenizer.</summary>
    public static Dictionary<string, byte[]> Trained()
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-fuzz-").FullName;
        BytePairTrainer.Train(
            ["Name a fruit. Name a colour. An apple is red. It's 12345."],
            new BytePairTrainerOptions
            {
                VocabularySize = 280,
                SpecialTokens = ["<s>", "</s>"],
                BeginningOfSequence = "<s>",
                EndOfSequence = "</s>",
                ChatTemplate = Templates[0],
            }).Save(folder);
        var files = FuzzCase.ReadFrom(folder).Files.ToDictionary();
        Directory.Delete(folder, recursive: true);
        return files;
    }

    private static byte[] Packed(string text)
    {
        using var packed = new MemoryStream();
        using (var gzip = new GZipStream(packed, CompressionLevel.Fastest))
        {
            gzip.Write(Encoding.UTF8.GetBytes(text));
        }

        return packed.ToArray();
    }

    private static string TextOf(FuzzCase input, string name) => Encoding.UTF8.GetString(input.Files[name]);
}
