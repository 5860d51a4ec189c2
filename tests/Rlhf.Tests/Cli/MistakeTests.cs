using System.Text.RegularExpressions;
using Rlhf.Cli;
using Rlhf.Hub;
using Rlhf.World;

namespace Rlhf.Tests.Cli;

/// <summary>Mistakes that people make on the command line: each ends with its exit code and a sentence that names it, and leaves nothing behind.</summary>
public sealed partial class MistakeTests(MistakeFiles files) : IClassFixture<MistakeFiles>
{
    /// <summary>Command lines with what their messages say. <c>@</c> begins a path in the folder, quotes hold words together.</summary>
    public static TheoryData<string, string> Mistakes => new()
    {
        // Commands and options
        { "", "--help" },
        { "docter", "unknown command 'docter'; did you mean 'doctor'?" },
        { "grpo @tiny.yaml", "'grpo' is a preset of the stage 'ppo' here" },
        { "train @tiny.yaml", "'train' is one of the steps here: 'sft', 'reward' and 'ppo', or 'dpo'" },
        { "lora", "'lora' is called adapter here" },
        { "frobnicate", "unknown command 'frobnicate'" },
        { "rlhf run @tiny.yaml", "'rlhf' is the name of the program" },
        { "resume --out @new", "'resume' is an option" },
        { "data", "--help" },
        { "data chek @rows.jsonl", "did you mean 'check'?" },
        { "data check", "FILE" },
        { "eval", "--help" },
        { "label users remove ann --store @store.db", "unknown command 'remove'" },
        { "generate --model @model --prompt a --temprature 1", "unknown option '--temprature'; did you mean '--temperature'?" },
        { "generate --model @model --prompt a --device cuda", "unknown option '--device': '--device' is said by the environment variable RLHF_DEVICE" },
        { "generate --model @model --prompt a --lora x", "'--lora' is called adapter here" },
        { "generate --model @model --prompt a b c", "b" },
        { "generate --model @model", "Give either --prompt TEXT or --prompts FILE" },
        { "generate --model @model --prompt a --prompts @prompts.txt", "Give either --prompt TEXT or --prompts FILE" },
        { "generate --prompt a", "--model" },
        { "generate --prompt a --model", "--model" },

        // Values
        { "generate --model '' --prompt a", "--model: expected DIR, found an empty text" },
        { "run @tiny.yaml --out ''", "--out: expected DIR, found an empty text" },
        { "data check ''", "FILE: expected FILE, found an empty text" },
        { "generate --model @model --prompt a --temperature hot", "expected type 'a number'|a number" },
        { "generate --model @model --prompt a --temperature -1", "emperature" },
        { "generate --model @model --prompt a --temperature nan", "emperature" },
        { "generate --model @model --prompt a --top-p 2", "op" },
        { "generate --model @model --prompt a --top-k 0", "op" },
        { "generate --model @model --prompt a --max-tokens 0", "--max-tokens: expected at least 1, found 0" },
        { "generate --model @model --prompt a --max-tokens 1.5", "a whole number" },
        { "generate --model @model --prompt a --max-tokens 99999999999", "a whole number" },
        { "generate --model @model --prompt a --samples 100000", "--samples: expected at most 4096" },
        { "generate --model @model --prompt a --seed -1", "a whole number" },
        { "generate --model @model --prompt a --best-of 4", "--best-of needs --reward-model DIR" },
        { "generate --model @model --prompt a --format markdown", "--format markdown: expected one of plain, chatml, human_assistant, tokenizer" },
        { "generate --model @model --prompt a --format custom", "needs --prompt-format TEXT" },
        { "generate --model @model --prompt a --prompt-format '{question}' --format plain", "--prompt-format has an effect only with --format custom" },
        { "generate --model @model --prompts @rows.jsonl --fields prompt", "--fields: expected our name = the data's name" },
        { "generate --model @model --prompts @rows.jsonl --fields promt=question", "did you mean 'prompt'?" },
        { "eval policy --model @model --reward-model @rm --prompts @prompts.txt --held-out 2", "--held-out: expected a share above 0 and below 1" },
        { "eval reward --model @rm --data @pairs.jsonl --on-overlong ignore", "ignore" },
        { "bench --size huge", "huge" },
        { "bench --phases training", "'training' is none of sft, rollout" },
        { "bench --threads 0", "at least 1" },
        { "bench --document x.md", "--document goes with --growth" },
        { "tokenize --model @model --decode 1,x", "--decode: 'x' is not a token id" },
        { "tokenize --model @model --decode 99999999", "the tokenizer has no token 99999999" },
        { "label --store @store.db --port 99999", "--port: expected 0 to 65535, found 99999" },
        { "label --store @store.db --port -1", "--port: expected at least 0, found -1" },
        { "serve --model @model --port 70000", "--port: expected 0 to 65535, found 70000" },
        { "serve --model @model --host nowhere.invalid", "--host nowhere.invalid" },
        { "label --store @store.db --host nowhere.invalid", "--host nowhere.invalid" },
        { "label --store @store.db --lease nan", "lease" },
        { "label --store @store.db --overlap 0", "verlap" },
        { "label --store @store.db --public-url nonsense", "--public-url" },
        { "serve", "Nothing to serve" },
        { "serve --reward @rm --adapter @model", "--adapter needs one --model" },
        { "serve --model a=@model --model b=@model --adapter @model", "--adapter needs one --model, on which the adapters stand; 2 were given" },
        { "serve --model a=@model --adapter a=@rm", "Two models are called 'a'" },
        { "serve --model a=@model --adapter b=@rm", "adapter_config.json" },
        { "serve --model a=@model --model a=@bare", "Two models are called 'a'" },
        { "serve --model @model --api-key-file @nowhere", "nowhere" },
        { "serve --model @model --api-key-file @prompts.txt", "expected a key of at least" },
        { "chat --model @model --stop ''", "--stop: expected a text that is not empty" },
        { "collect --store @new.db", "Without a recipe collect needs" },
        { "collect @tiny.yaml --store @new.db --out @new", "--store is for collecting without a recipe" },
        { "arena --store @store.db --model @model", "two or more models, and prompts" },
        { "report @run --curves x.svg", "--curves and --document go with --beside" },

        // Recipes
        { "run @nothing.yaml --out @new", "nothing.yaml" },
        { "run @folder --out @new", "folder" },
        { "run @grpo.yaml --out @new", "unknown key 'grpo': 'grpo' is a preset of the stage 'ppo' here" },
        { "run @key.yaml --out @new", "unknown key 'sft.epohcs'; did you mean 'epochs'?" },
        { "run @order.yaml --out @new", "order" },
        { "run @twice.yaml --out @new", "the key 'name' stands here a second time" },
        { "run @tab.yaml --out @new", "tab.yaml:" },
        { "run @list.yaml --out @new", "expected keys below the recipe, found a list" },
        { "run @empty.yaml --out @new", "empty" },
        { "run @missing.yaml --out @new", "nothing.jsonl" },
        { "run @csv.yaml --out @new", "table.csv:2:1 (row 1): expected 2 fields" },
        { "run @hub.yaml --out @new", "org/name" },
        { "run @model.yaml --out @new", "org/name" },
        { "run @tiny.yaml --out @rows.jsonl", "is a file; --out needs a folder" },
        { "run @tiny.yaml --out @folder", "holds other files and no run" },
        { "run @tiny.yaml --out @run", "was changed since the run began" },
        { "run --resume --out @nowhere", "RECIPE is missing" },
        { "run", "RECIPE is missing" },
        { "reward @tiny.yaml --out @new", "the recipe has no reward stage" },
        { "run @tiny.yaml --out @new --set device=abacus", "there is no device 'abacus'; there is cpu" },
        { "run @tiny.yaml --out @new --set sft.epochs", "expected key=value" },
        { "run @tiny.yaml --out @new --set sft.epochs=many", "sft.epochs: expected a whole number, found 'many'" },
        { "run @tiny.yaml --out @new --set sft.epochs.more=1", "there are no keys below the value" },
        { "run @tiny.yaml --out @new --set name=[", "--set name=[" },
        { @"run @tiny.yaml --out @new --set name=""\udc00\ud800""", "half of a surrogate pair" },
        { "run @tiny.yaml --out @new --set format.template=markdown", "format.template: expected one of" },
        { "plan @tiny.yaml --set sft.batch=0", "sft.batch" },

        // Data
        { "data check @nothing.jsonl", "nothing.jsonl: no such file" },
        { "data check @no-rows", "this folder has no files of rows" },
        { "data check org/name", "org/name: no such file" },
        { "data check '@*.json5'", "no such file" },
        { "data check @broken.jsonl", "broken.jsonl:2:" },
        { "data check @half.jsonl", "half of a surrogate pair" },
        { "data check @halfkey.jsonl", "half of a surrogate pair" },
        { "data check @latin.jsonl", "expected UTF-8, found the byte 0xDF" },
        { "data check @table.csv", "expected 2 fields, as the first line names columns, found 3" },
        { "data check @table.tsv", "expected 2 fields, as the first line names columns, found 1" },
        { "data check @pretty.jsonl", "a JSON object over several lines" },
        { "data check @splits.json", "a JSON object of several lists" },
        { "data check @rows.parquet", "not a sound Parquet file" },
        { "data check @rows.arrow", "not a sound Arrow file" },
        { "data check @model.gguf", "a GGUF model" },
        { "data check @page.html", "a web page" },
        { "data check @cut.gz", "cut.gz" },
        { "data check @flat.jsonl", "expected tiers, best first, as in [[1], [0], [2]], found [1, 0, 2]" },
        { "data show @rows.jsonl --row 9", "there is no row 9; the file has 2" },
        { "data show @rows.jsonl --row 0", "0" },
        { "generate --model @model --prompts @empty.jsonl", "expected at least one prompt" },
        { "generate --model @model --prompts @blank.txt", "expected at least one prompt" },
        { "generate --model @model --prompts @latin.txt", "UTF-8" },
        { "generate --model @model --prompts @long.txt", "they do not fit the context" },
        { "eval policy --model @model --reward-model @rm --prompts @one.txt", "at least two prompts" },
        { "score --model @model --data @ids.jsonl", "999999" },
        { "score --model @model --data @empty.jsonl", "expected at least one row, found none" },
        { "label import @rows.parquet --store @store.db", "Parquet" },

        // Models, runs and stores
        { "generate --model @nowhere --prompt a", "nowhere: there is no such folder" },
        { "generate --model org/name --prompt a", "it is not in the cache" },
        { "generate --model @model.gguf --prompt a", "4 bytes are too few for a GGUF file" },
        { "generate --model @pickled --prompt a", "pickled weights (pytorch_model.bin)" },
        { "generate --model @lora --prompt a", "lora" },
        { "generate --model @nothing --prompt a", "nothing" },
        { "generate --model @bare --prompt a", "bare" },
        { "generate --model @broken-config --prompt a", "config.json" },
        { "generate --model @broken-tokenizer --prompt a", "tokenizer.json" },
        { "generate --model @half-tokenizer --prompt a", "a key is not valid Unicode" },
        { "generate --model @broken-weights --prompt a", "model.safetensors" },
        { "generate --model @other-model --prompt a", "bert" },
        { "score --model org/name --data @rows.jsonl", "it is not in the cache" },
        { "score --model @lora --data @rows.jsonl", "adapter" },
        { "score --model @pickled --data @rows.jsonl", "pickled weights" },
        { "generate --model @rm --prompt a", "this is a reward model; a language model is needed here" },
        { "eval reward --model @model --data @pairs.jsonl", "this is a language model, not a reward model" },
        { "generate --model @model --prompt a --reward-model @model", "not a reward model" },
        { "report @nowhere", "there is no such folder" },
        { "report @folder", "no run in this folder" },
        { "report @run", "metrics.jsonl:1" },
        { "report @run2 --out @new.html", "ledger.json" },
        { "report @run3 --out @new.html", "summary.json" },
        { "label export --store @nowhere.db", "nowhere.db" },
        { "label export --store @store.txt", "store.txt" },
        { "label users add '' --store @store.db", "NAME: expected NAME, found an empty text" },
        { "label users add ann --store @store.db", "ann" },
        { "label users add ann --role boss --store @store.db", "role" },
        { "label --store @store.db --instructions @nowhere.md", "--instructions" },
        { "label --store @no-store.db --instructions @nowhere.md", "--instructions" },
        { "label export --store postgres://nowhere", "--store: expected postgres://" },
        { "arena results --store @store.db", "no arena" },
    };

    [Theory]
    [MemberData(nameof(Mistakes))]
    public void A_mistake_is_named_and_leaves_nothing_behind(string line, string words)
    {
        var before = files.Listing();
        HubFiles.Access = new HubAccess(HubSettings.FromEnvironment() with { Cache = files.PathOf("no cache"), Offline = true }); // a test asks no hub
        var (code, output, error) = TinyModels.Run([.. WordsOf(line)]);

        Assert.Equal(ExitCode.BadInput, code);
        Assert.Contains(words.Split('|'), word => error.Contains(word, StringComparison.Ordinal));
        Assert.DoesNotMatch(Inside(), output + error);
        Assert.Equal(before, files.Listing());
    }

    [Fact]
    public void A_path_that_is_too_long_is_named()
    {
        foreach (var line in new[] { "data check", "report", "generate --prompt a --model", "plan" })
        {
            var (code, _, error) = TinyModels.Run([.. line.Split(' '), files.PathOf(new string('x', 5000))]);
            Assert.Equal(ExitCode.BadInput, code);
            Assert.DoesNotMatch(Inside(), error);
        }
    }

    [Fact]
    public void There_are_a_hundred_of_them() => Assert.True(Mistakes.Count >= 100);

    private IEnumerable<string> WordsOf(string line) =>
        Words().Matches(line)
            .Select(match => AtFolder().Replace(match.Value.Trim('\''), match => match.Groups[1].Value + files.Folder + Path.DirectorySeparatorChar));

    [GeneratedRegex(@"'[^']*'|\S+")]
    private static partial Regex Words();

    // At the beginning of a word, or behind NAME=.
    [GeneratedRegex("^((?:[a-z]+=)?)@")]
    private static partial Regex AtFolder();

    // What only a programmer should see.
    [GeneratedRegex(@"^   at |\b(?:System|Microsoft|Rlhf|YamlDotNet)\.(?!Tests\b)[A-Z]\w+|\w+Exception\b|\.NET|\(Parameter '|LineNumber:|BytePositionInLine|a fault of the program", RegexOptions.Multiline)]
    private static partial Regex Inside();
}
