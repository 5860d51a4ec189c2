using Rlhf.Grading;

namespace Rlhf.Tests.Grading;

public sealed class JsonSchemaTests
{
    private const string Person =
        """
        {"$schema": "https://json-schema.org/draft/2020-12/schema", "title": "A person", "type": "object", "required": ["name", "age"],
         "properties": {"name": {"type": "string", "minLength": 2, "maxLength": 5, "pattern": "^[A-Z]"}, "age": {"type": "integer", "minimum": 0, "exclusiveMaximum": 150},
                        "tags": {"type": "array", "items": {"enum": ["a", 1, null]}, "minItems": 1, "maxItems": 2}},
         "additionalProperties": false}
        """;

    [Theory]
    [InlineData("""{"name": "Ada", "age": 36}""", true)]
    [InlineData("""{"name": "Ada", "age": 36.0, "tags": ["a", 1.0]}""", true)]
    [InlineData("""{"name": "\uD83D\uDE00", "age": 36}""", false)]
    [InlineData("""{"name": "A", "age": 36}""", false)]
    [InlineData("""{"name": "Adaline", "age": 36}""", false)]
    [InlineData("""{"name": "ada", "age": 36}""", false)]
    [InlineData("""{"name": "Ada", "age": 36.5}""", false)]
    [InlineData("""{"name": "Ada", "age": -1}""", false)]
    [InlineData("""{"name": "Ada", "age": 150}""", false)]
    [InlineData("""{"name": "Ada", "age": "36"}""", false)]
    [InlineData("""{"name": "Ada"}""", false)]
    [InlineData("""{"name": "Ada", "age": 36, "tags": []}""", false)]
    [InlineData("""{"name": "Ada", "age": 36, "tags": ["a", "a", "a"]}""", false)]
    [InlineData("""{"name": "Ada", "age": 36, "tags": ["b"]}""", false)]
    [InlineData("""{"name": "Ada", "age": 36, "mail": "x"}""", false)]
    [InlineData("""[{"name": "Ada", "age": 36}]""", false)]
    [InlineData("""{"name": "Ada", "age": 1e999}""", false)]
    [InlineData("no json", false)]
    public void An_answer_is_allowed_or_not(string answer, bool allowed) =>
        Assert.Equal(allowed ? 1 : 0, Graded.By(new RewardSourceOptions { Rule = Graded.Rule("json_schema"), Schema = Person }, answer));

    [Theory]
    [InlineData("""{"anyOf": [{"type": "string"}, {"const": 5}]}""", "5", true)]
    [InlineData("""{"anyOf": [{"type": "string"}, {"const": 5}]}""", "6", false)]
    [InlineData("""{"allOf": [{"minimum": 2}, {"maximum": 4}]}""", "3", true)]
    [InlineData("""{"allOf": [{"minimum": 2}, {"maximum": 4}]}""", "5", false)]
    [InlineData("""{"oneOf": [{"minimum": 2}, {"maximum": 4}]}""", "3", false)]
    [InlineData("""{"oneOf": [{"minimum": 2}, {"maximum": 4}]}""", "9", true)]
    [InlineData("""{"not": {"type": ["null", "boolean"]}}""", "true", false)]
    [InlineData("""{"not": {"type": ["null", "boolean"]}}""", "[]", true)]
    [InlineData("""{"minProperties": 1, "maxProperties": 1}""", "{}", false)]
    [InlineData("""{"minProperties": 1, "maxProperties": 1}""", "{\"a\": {}}", true)]
    [InlineData("""{"additionalProperties": {"type": "number"}}""", "{\"a\": 1}", true)]
    [InlineData("""{"additionalProperties": {"type": "number"}}""", "{\"a\": \"1\"}", false)]
    [InlineData("""{"exclusiveMinimum": 1}""", "1", false)]
    [InlineData("false", "1", false)]
    [InlineData("true", "1", true)]
    public void Keywords_combine(string schema, string value, bool allowed) =>
        Assert.Equal(allowed, JsonSchema.Parse(schema).Allows(JsonRule.Parse(value)!.Value));

    [Theory]
    [InlineData("""{"tpye": "object"}""", "at #: \"tpye\" is not among the keywords")]
    [InlineData("""{"properties": {"a": {"$ref": "#"}}}""", "at #/properties/a: \"$ref\" is not among the keywords")]
    [InlineData("""{"type": "text"}""", "must be one or more of object")]
    [InlineData("""{"type": []}""", "must be one or more of object")]
    [InlineData("""{"minimum": "2"}""", "must be a number")]
    [InlineData("""{"minItems": -1}""", "must be a whole number")]
    [InlineData("""{"anyOf": []}""", "must be a list of schemas, at least one")]
    [InlineData("""{"required": [1]}""", "a name must be a text")]
    [InlineData("""{"pattern": "(?=a)"}""", "bounded time")]
    [InlineData("""{"items": 5}""", "at #/items: expected a schema: an object, true or false")]
    [InlineData("{", "no JSON")]
    public void A_schema_that_would_not_be_read_whole_is_refused(string schema, string message) => Assert.Contains(message,
        Graded.ErrorsOf(new RewardSourceOptions { Rule = Graded.Rule("json_schema"), Schema = schema }), StringComparison.Ordinal);
}
