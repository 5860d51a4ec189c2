namespace Rlhf.Evaluation;

/// <summary>A word or phrase that became more or less frequent.</summary>
/// <param name="Phrase">One to three words in lower case, or a run of one punctuation mark.</param>
/// <param name="ShareBefore">Share of the SFT model's answers that hold it.</param>
/// <param name="ShareAfter">Share of PPO's answers that hold it.</param>
/// <param name="LogOdds">Change of the log odds of holding it, with the prior.</param>
/// <param name="ZScore">That change in standard errors.</param>
public sealed record PhraseChange(string Phrase, double ShareBefore, double ShareAfter, double LogOdds, double ZScore);

/// <summary>
/// Which words and phrases of one to three words rose and fell between two sets of answers: log odds of an answer's holding them, with an
/// informative Dirichlet prior that draws rare ones to no change (Monroe 2008, "Fightin' Words", eq. 16 and 22, on document frequencies).
/// </summary>
internal static class PhraseChanges
{
    private const int LongestPhrase = 3;

    // Weight of the prior in answers, spread as the phrase is over both sets together.
    private const double PriorAnswers = 10;

    // A part of a phrase that changed at least this much as clearly stands for it: "indeed" for "is indeed a".
    private const double PartStandsFor = 0.8;

    /// <summary>
    /// Changes of at least so many standard errors, largest first, of risen (sign 1) or fallen (sign -1) phrases, each as short as it
    /// can be: "is indeed" says nothing new beside "indeed"; "thank you" stands where its words were frequent before.
    /// </summary>
    public static List<PhraseChange> Largest(IReadOnlyList<PhraseChange> changes, int sign, double smallestZ, int count)
    {
        var large = changes.Where(c => sign * c.ZScore >= smallestZ).ToDictionary(c => c.Phrase, c => sign * c.ZScore, StringComparer.Ordinal);
        var chosen = new List<PhraseChange>();
        foreach (var change in changes.Where(c => large.ContainsKey(c.Phrase)).OrderByDescending(c => large[c.Phrase])
            .ThenBy(c => c.Phrase, StringComparer.Ordinal))
        {
            if (chosen.Count == count)
            {
                break;
            }

            var partStands = Parts(change.Phrase).Any(part => large.TryGetValue(part, out var z) && z >= PartStandsFor * large[change.Phrase]);
            if (!partStands && !chosen.Exists(c => Holds(c.Phrase, change.Phrase) || Holds(change.Phrase, c.Phrase)))
            {
                chosen.Add(change);
            }
        }

        return chosen;
    }

    /// <summary>All phrases that stand in at least two answers.</summary>
    public static List<PhraseChange> Of(IReadOnlyList<string> before, IReadOnlyList<string> after)
    {
        var counts = new Dictionary<string, (int Before, int After)>(StringComparer.Ordinal);
        foreach (var text in before)
        {
            foreach (var phrase in Phrases(text))
            {
                counts[phrase] = (counts.GetValueOrDefault(phrase).Before + 1, counts.GetValueOrDefault(phrase).After);
            }
        }

        foreach (var text in after)
        {
            foreach (var phrase in Phrases(text))
            {
                counts[phrase] = (counts.GetValueOrDefault(phrase).Before, counts.GetValueOrDefault(phrase).After + 1);
            }
        }

        return [.. counts.Where(c => c.Value.Before + c.Value.After > 1).Select(c => Change(c.Key, c.Value.Before, before.Count, c.Value.After, after.Count))];
    }

    private static PhraseChange Change(string phrase, int before, int allBefore, int after, int allAfter)
    {
        var pooled = (double)(before + after) / (allBefore + allAfter);
        double with = PriorAnswers * pooled, without = PriorAnswers * (1 - pooled) + 1e-3;
        double b = before + with, notB = allBefore - before + without, a = after + with, notA = allAfter - after + without;
        var change = Math.Log(a / notA) - Math.Log(b / notB);
        return new PhraseChange(
            phrase, (double)before / allBefore, (double)after / allAfter, change, change / Math.Sqrt(1 / a + 1 / notA + 1 / b + 1 / notB));
    }

    private static HashSet<string> Phrases(string text)
    {
        var words = TextWords.Split(text);
        var phrases = new HashSet<string>(StringComparer.Ordinal);
        for (var i = 0; i < words.Count; i++)
        {
            var phrase = words[i].Text;
            phrases.Add(phrase);
            for (var n = 1; n < LongestPhrase && i + n < words.Count && words[i].IsWord && words[i + n].IsWord; n++)
            {
                phrases.Add(phrase += " " + words[i + n].Text);
            }
        }

        return phrases;
    }

    // The shorter phrases inside a phrase.
    private static IEnumerable<string> Parts(string phrase)
    {
        var words = phrase.Split(' ');
        for (var n = 1; n < words.Length; n++)
        {
            for (var i = 0; i + n <= words.Length; i++)
            {
                yield return string.Join(' ', words, i, n);
            }
        }
    }

    private static bool Holds(string phrase, string part) => $" {phrase} ".Contains($" {part} ", StringComparison.Ordinal);
}
