namespace Rlhf.World;

/// <summary>Writes answers of a wanted quality.</summary>
internal static class AnswerWriter
{
    // Wrong answers are polite as often as not, so that politeness alone does not tell right from wrong.
    private const double PoliteShareOfWrong = 0.6;
    private const double RightShareOfRude = 0.95;

    public static string Write(Request request, AnswerQuality quality, SplitMix64 random) => quality switch
    {
        AnswerQuality.Good => Polite(request, request.Fact.Answer, random),
        AnswerQuality.Curt => request.Fact.Fill(request.Kind.Curt, request.Fact.Answer) + ".",
        AnswerQuality.Wrong when random.Chance(PoliteShareOfWrong) => Polite(request, random.Pick(request.Fact.WrongAnswers), random),
        AnswerQuality.Wrong => Statement(request, random.Pick(request.Fact.WrongAnswers), random) + request.Kind.EndMarks[0],
        AnswerQuality.Rude => Rude(request, random),
        _ => throw new ArgumentOutOfRangeException(nameof(quality), quality, null),
    };

    private static string Polite(Request request, string value, SplitMix64 random)
    {
        var statement = Statement(request, value, random) + request.Kind.EndMarks[0];
        var name = request.Name is not null && random.Chance(0.5) ? ", " + request.Name : "";
        return random.Chance(0.5)
            ? $"{random.Pick(Phrasebook.Openings)}{name}! {statement}"
            : $"{statement} {random.Pick(Phrasebook.Closings)}{name}!";
    }

    private static string Rude(Request request, SplitMix64 random)
    {
        var value = random.Chance(RightShareOfRude) ? request.Fact.Answer : random.Pick(request.Fact.WrongAnswers);
        return random.Pick(Phrasebook.RudeForms)
            .Replace("{f}", Statement(request, value, random), StringComparison.Ordinal)
            .Replace("{c}", request.Fact.Fill(request.Kind.Curt, value), StringComparison.Ordinal)
            .Replace("{i}", random.Pick(Phrasebook.Insults), StringComparison.Ordinal);
    }

    private static string Statement(Request request, string value, SplitMix64 random) =>
        request.Fact.Fill(random.Pick(request.Kind.Statements), value);
}
