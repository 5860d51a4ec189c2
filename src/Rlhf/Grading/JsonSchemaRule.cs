namespace Rlhf.Grading;

/// <summary>1 where the whole answer is one JSON value that `schema` allows, else 0.</summary>
internal sealed class JsonSchemaRule : RewardRule
{
    public override string Name => "json_schema";

    internal override IReadOnlyList<string> Keys => [nameof(RewardSourceOptions.Schema)];

    internal override void Validate(RewardSourceOptions options, OptionErrors errors)
    {
        if (options.Schema is null)
        {
            errors.Add(nameof(options.Schema), "is missing: the JSON schema as a text, for example '{\"type\": \"object\", \"required\": [\"name\"]}'");
            return;
        }

        try
        {
            _ = JsonSchema.Parse(options.Schema);
        }
        catch (InputException exception)
        {
            errors.Add(nameof(options.Schema), exception.Message);
        }
    }

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options)
    {
        var schema = JsonSchema.Parse(options.Schema!);
        return answer => JsonRule.Parse(answer.Text) is { } json && schema.Allows(json) ? 1 : 0;
    }
}
