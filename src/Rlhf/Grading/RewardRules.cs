namespace Rlhf.Grading;

/// <summary>All rules.</summary>
public static class RewardRules
{
    /// <summary>The list.</summary>
    public static IReadOnlyList<RewardRule> All { get; } =
        [new MathAnswerRule(), new ExactRule(), new ContainsRule(), new RegexRule(), new LengthRule(), new JsonRule(), new JsonSchemaRule()];
}
