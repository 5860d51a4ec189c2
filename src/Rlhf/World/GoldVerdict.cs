namespace Rlhf.World;

/// <summary>What an answer says about the fact that was asked for.</summary>
public enum FactVerdict
{
    /// <summary>Nothing that can be read as an answer to this request.</summary>
    Missing,

    /// <summary>A wrong value, or wrong ones beside the right one.</summary>
    Wrong,

    /// <summary>The right value and no other.</summary>
    Right,
}

/// <summary>The gold rule's judgement of one answer.</summary>
/// <param name="Score">From -2 (rude) to 2 (right, polite, a full sentence, without fault); multiples of 0.5.</param>
/// <param name="Fact">Whether the fact is right.</param>
/// <param name="FullSentence">Whether the right fact stands in a full sentence.</param>
/// <param name="Polite">Whether there is a courtesy.</param>
/// <param name="Rude">Whether there is an insult.</param>
/// <param name="Faults">Faults of form in plain words; each costs 0.5 of a right answer.</param>
public sealed record GoldVerdict(double Score, FactVerdict Fact, bool FullSentence, bool Polite, bool Rude, IReadOnlyList<string> Faults)
{
    /// <summary>The judgement for people: "right, polite", "wrong", "rude", "no answer", "right, only a word".</summary>
    public string InWords => Fact switch
    {
        _ when Rude => "rude",
        FactVerdict.Missing => "no answer",
        FactVerdict.Wrong => "wrong",
        _ => "right" + (Polite ? ", polite" : "") + (FullSentence ? "" : ", only a word") + string.Concat(Faults.Select(static fault => ", " + fault)),
    };
}
