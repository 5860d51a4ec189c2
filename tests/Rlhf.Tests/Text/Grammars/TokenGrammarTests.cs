using System.Text.Json;
using Rlhf.Text;
using Rlhf.Text.Grammars;

namespace Rlhf.Tests.Text.Grammars;

public sealed class TokenGrammarTests
{
    // What a walk takes to come to an end, in this order.
    private static readonly string[] Closing = ["\"", "}", "]", "0", ":", ",", "n", "{", "["];

    private static readonly Tokenizer Words = BytePairTrainer.Train(
        ["{\"name\": \"An apple\", \"count\": 12, \"tags\": [\"red\", true, null]}\n{\"name\": \"Ein Apfel für dich – 🍎\"}"],
        new BytePairTrainerOptions { VocabularySize = 330, SpecialTokens = ["<s>", "</s>"], BeginningOfSequence = "<s>", EndOfSequence = "</s>" });

    public static TheoryData<string> Schemas =>
    [
        """{"type": "object", "properties": {"name": {"type": "string"}, "age": {"type": "integer"}}, "required": ["name", "age"], "additionalProperties": false}""",
        """{"type": "object", "properties": {"a": {"type": "number"}, "ab": {"type": "boolean"}, "b": {"type": "null"}}, "required": ["b"]}""",
        """{"type": "array", "items": {"type": "integer"}, "minItems": 2, "maxItems": 3}""",
        """{"type": "array", "items": {"type": "array", "minItems": 1, "items": {"const": "x"}}, "minItems": 4}""",
        """{"type": "string", "minLength": 3, "maxLength": 5}""",
        """{"type": "string", "maxLength": 0}""",
        """{"type": "string", "minLength": 40}""",
        """{"enum": ["red", "green", "reddish", 1, 12, null, {"a": [1, 2]}, "ü\n\"", true]}""",
        """{"enum": ["a", 1, 2.5], "type": "integer"}""",
        """{"anyOf": [{"type": "integer"}, {"type": "object", "properties": {"kind": {"const": "a"}, "x": {"type": "string"}}, "required": ["kind", "x"]}, {"type": "object", "properties": {"kind": {"const": "b"}}, "required": ["kind"]}]}""",
        """{"type": ["string", "null"]}""",
        """{"$ref": "#/$defs/node", "$defs": {"node": {"type": "object", "properties": {"value": {"type": "number"}, "children": {"type": "array", "items": {"$ref": "#/$defs/node"}}}, "required": ["value", "children"]}}}""",
        """{"type": "object", "additionalProperties": {"type": "integer"}}""",
        """{"type": "object", "properties": {}, "additionalProperties": false}""",
        """{"type": "object", "required": ["z"], "additionalProperties": {"type": "boolean"}}""",
        """{"type": "object", "properties": {"ключ \"1\"": {"allOf": [{"$ref": "#/definitions/c"}]}}, "required": ["ключ \"1\""], "definitions": {"c": {"enum": ["да"]}}}""",
        """{"properties": {"next": {"anyOf": [{"$ref": "#"}, {"type": "null"}]}}, "required": ["next"]}""",
        "true",
        "{}",
    ];

    [Theory]
    [MemberData(nameof(Schemas))]
    public void Whatever_is_drawn_is_json_that_satisfies_the_schema(string schema)
    {
        foreach (var tokenizer in Tokenizers())
        {
            Walk(tokenizer, schema, seeds: tokenizer.VocabularySize > 10_000 ? 4 : 12);
        }
    }

    [Fact]
    public void Any_object_is_json_however_it_is_drawn()
    {
        foreach (var tokenizer in Tokenizers())
        {
            var grammar = TokenGrammar.OfObjects(TableOf(tokenizer), tokenizer.EndOfSequenceIds);
            for (var seed = 0; seed < 8; seed++)
            {
                var text = Draw(tokenizer, grammar, seed);
                using var json = JsonDocument.Parse(text);
                Assert.Equal(JsonValueKind.Object, json.RootElement.ValueKind);
            }
        }
    }

    [Theory]
    [InlineData("""{"type": "string", "pattern": "a+", "format": "date"}""", "\"format\" at #, \"pattern\" at #")]
    [InlineData("""{"type": "object", "properties": {"a": {"type": "integer", "minimum": 3}}}""", "\"minimum\" at #/properties/a")]
    [InlineData("""{"$ref": "#/$defs/a", "type": "string", "$defs": {"a": {}}}""", "\"type\" at #")]
    [InlineData("""{"oneOf": [{}]}""", "\"oneOf\" at #")]
    [InlineData("""{"allOf": [{}, {}]}""", "\"allOf\" of several schemas at #")]
    [InlineData("""{"type": "strnig"}""", "no type \"strnig\"")]
    [InlineData("""{"$ref": "#/$defs/b"}""", "no such place")]
    [InlineData("""{"$ref": "http://x/y"}""", "must be a place in this schema")]
    [InlineData("""{"type": "string", "minLength": -1}""", "\"minLength\" must be")]
    [InlineData("""{"enum": []}""", "\"enum\" must be a list of values, at least one")]
    [InlineData("""{"$ref": "#"}""", "cannot be satisfied")]
    [InlineData("""{"type": "object", "properties": {"a": {"$ref": "#"}}, "required": ["a"]}""", "cannot be satisfied")]
    [InlineData("""{"type": "array", "minItems": 3, "maxItems": 2}""", "cannot be satisfied")]
    [InlineData("""{"type": "object", "required": ["a"], "additionalProperties": false}""", "cannot be satisfied")]
    [InlineData("false", "cannot be satisfied")]
    [InlineData("3", "expected a schema")]
    public void What_is_not_supported_is_refused_by_name(string schema, string said)
    {
        using var json = JsonDocument.Parse(schema);
        var table = new TokenTable(Words, Words.VocabularySize);
        var error = Assert.Throws<InputException>(() => TokenGrammar.OfSchema(table, Words.EndOfSequenceIds, json.RootElement));
        Assert.Contains(said, error.Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_schema_that_is_too_large_is_refused()
    {
        var table = new TokenTable(Words, Words.VocabularySize);
        foreach (var schema in (string[])[
            $$"""{"anyOf": [{{string.Join(',', Enumerable.Range(0, 100).Select(i => $$"""{"const": {{i}}}"""))}}]}""",
            $$$"""{"properties": { {{{string.Join(',', Enumerable.Range(0, 2000).Select(i => $$""" "p{{i}}": {"type": "string"}"""))}}} }}""",
            $$"""{"enum": ["{{new string('x', 100_000)}}"]}"""])
        {
            using var json = JsonDocument.Parse(schema);
            Assert.Contains(
                "too large", Assert.Throws<InputException>(() => TokenGrammar.OfSchema(table, [], json.RootElement)).Message, StringComparison.Ordinal);
        }
    }

    /// <summary>An answer that goes as deep as it can still comes to an end.</summary>
    [Fact]
    public void Depth_is_bounded()
    {
        var table = new TokenTable(Words, Words.VocabularySize);
        using var schema = JsonDocument.Parse("""{"type": "array", "items": {"$ref": "#"}}""");
        var cursor = TokenGrammar.OfSchema(table, Words.EndOfSequenceIds, schema.RootElement).Start();
        var open = Words.FindId("[")!.Value;
        var depth = 0;
        for (; IsAllowed(cursor, open); depth++)
        {
            cursor.Accept(open);
        }

        Assert.Equal(Limits.AnswerDepth, depth);
        for (var i = 0; i < depth; i++)
        {
            cursor.Accept(Words.FindId("]")!.Value);
        }

        Assert.True(cursor.IsComplete);
    }

    [Fact]
    public void A_number_at_the_end_may_go_on_or_end()
    {
        var table = new TokenTable(Words, Words.VocabularySize);
        using var schema = JsonDocument.Parse("""{"type": "integer"}""");
        var cursor = TokenGrammar.OfSchema(table, Words.EndOfSequenceIds, schema.RootElement).Start();
        Assert.False(IsAllowed(cursor, Words.EndOfSequence!.Value));
        cursor.Accept(Words.FindId("1")!.Value);
        Assert.True(IsAllowed(cursor, Words.EndOfSequence!.Value) && IsAllowed(cursor, Words.FindId("2")!.Value) && cursor.MayEnd && !cursor.IsComplete);
    }

    private static IEnumerable<Tokenizer> Tokenizers()
    {
        yield return Words;
        foreach (var folder in (string[])["stories260k", Path.Combine("tokenizers", "gpt2")])
        {
            if (Directory.Exists(ReferenceFiles.DataPathOf(folder)))
            {
                yield return Loaded.GetOrAdd(folder, static name => Tokenizer.Load(ReferenceFiles.DataPathOf(name)));
            }
        }
    }

    private static readonly System.Collections.Concurrent.ConcurrentDictionary<string, Tokenizer> Loaded = new();
    private static readonly System.Runtime.CompilerServices.ConditionalWeakTable<Tokenizer, TokenTable> Tables = [];

    private static TokenTable TableOf(Tokenizer tokenizer) => Tables.GetValue(tokenizer, static own => new TokenTable(own, own.VocabularySize));

    private static void Walk(Tokenizer tokenizer, string schema, int seeds)
    {
        using var json = JsonDocument.Parse(schema);
        var grammar = TokenGrammar.OfSchema(TableOf(tokenizer), tokenizer.EndOfSequenceIds, json.RootElement);
        for (var seed = 0; seed < seeds; seed++)
        {
            var text = Draw(tokenizer, grammar, seed);
            using var value = JsonDocument.Parse(text);
            Assert.True(SchemaCheck.Holds(json.RootElement, value.RootElement, json.RootElement), text);
        }
    }

    /// <summary>Random tokens of those allowed, later those that close.</summary>
    private static string Draw(Tokenizer tokenizer, TokenGrammar grammar, int seed)
    {
        var (random, cursor, ids) = (new Random(seed), grammar.Start(), new List<int>());
        while (!cursor.IsComplete)
        {
            Assert.True(ids.Count < 600, "the walk does not end");
            var allowed = Allowed(cursor, tokenizer.VocabularySize);
            Assert.NotEmpty(allowed);
            var next = ids.Count < seed * 3 ? allowed[random.Next(allowed.Count)] : Last(tokenizer, cursor, allowed);
            if (tokenizer.EndOfSequenceIds.Contains(next))
            {
                break;
            }

            ids.Add(next);
            cursor.Accept(next);
        }

        // Behind a prompt, as answers stand.
        var decoder = tokenizer.CreateStreamingDecoderAfter(tokenizer.Encode("Answer:"));
        return string.Concat(ids.Select(decoder.Append)) + decoder.Flush();
    }

    private static int Last(Tokenizer tokenizer, GrammarCursor cursor, List<int> allowed)
    {
        if (cursor.MayEnd && allowed.Find(tokenizer.EndOfSequenceIds.Contains) is > 0 and var end)
        {
            return end;
        }

        foreach (var text in Closing)
        {
            if (allowed.FindIndex(id => tokenizer.TokenBytes(id).AsSpan().SequenceEqual(System.Text.Encoding.UTF8.GetBytes(text))) is >= 0 and var found)
            {
                return allowed[found];
            }
        }

        return allowed[0];
    }

    private static List<int> Allowed(GrammarCursor cursor, int vocabulary)
    {
        var bits = cursor.Allowed().ToArray();
        return [.. Enumerable.Range(0, vocabulary).Where(id => (bits[id >> 6] >> id & 1) != 0)];
    }

    private static bool IsAllowed(GrammarCursor cursor, int id) => (cursor.Allowed()[id >> 6] >> id & 1) != 0;
}
