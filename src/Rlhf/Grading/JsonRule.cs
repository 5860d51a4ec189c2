using System.Text;
using System.Text.Json;

namespace Rlhf.Grading;

/// <summary>1 where the whole answer is one JSON value, without comments, trailing commas or a key twice, else 0.</summary>
internal sealed class JsonRule : RewardRule
{
    public override string Name => "json";

    internal override IReadOnlyList<string> Keys => [];

    internal override Func<GradedAnswer, float> With(RewardSourceOptions options) => static answer => Parse(answer.Text) is null ? 0 : 1;

    /// <summary>The value that a text is; null where it is none.</summary>
    internal static JsonElement? Parse(string text) => StrictJson.TryParse(Encoding.UTF8.GetBytes(text), Limits.AnswerJsonDepth, allowDuplicates: false);
}
