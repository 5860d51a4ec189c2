using Rlhf.Data;

namespace Rlhf.Labelers;

/// <summary>Whoever judges sampled answers without being asked by hand: a gold rule, or a gold reward model.</summary>
public interface ILabeler
{
    /// <summary>Name recorded as <see cref="Ranking.Labeler"/>.</summary>
    string Name { get; }

    /// <summary>A score for each answer, higher is better; equal scores are a tie.</summary>
    /// <exception cref="InputException">This labeler cannot judge the prompt.</exception>
    IReadOnlyList<double> Scores(Prompt prompt, IReadOnlyList<string> responses);

    /// <summary>Ranks K answers to one prompt: tiers of equal scores, best first.</summary>
    /// <exception cref="InputException">Fewer than two answers, or this labeler cannot judge the prompt.</exception>
    Ranking Label(PromptRecord prompt, IReadOnlyList<string> responses)
    {
        if (responses.Count < 2)
        {
            throw new InputException($"{prompt.Position}: a ranking needs at least two answers, and prompt {prompt.Id} has {responses.Count}.");
        }

        var tiers = Tiers.ByScore(Scores(prompt.Prompt, responses));
        return new Ranking(prompt.Id, prompt.Prompt, responses, tiers, Tiers.Pairs(tiers), Tiers.Ties(tiers), null, Name, 1, prompt.Position);
    }
}
