namespace Rlhf.Web.Tests.Labeling;

/// <summary>What the ranking page should do, written a second time and plainly: places, a selection, and what undo takes back.</summary>
internal sealed class RankingModel(int answers)
{
    private readonly Stack<(int[] Places, int Selected)> _past = [];
    private int[] _places = new int[answers];

    public int Selected { get; private set; }

    public bool IsComplete => _places.All(place => place > 0);

    public List<List<int>> Tiers =>
        [.. Enumerable.Range(0, answers).Where(answer => _places[answer] > 0).GroupBy(answer => _places[answer]).OrderBy(tier => tier.Key)
            .Select(tier => tier.ToList())];

    public List<int> Unplaced => [.. Enumerable.Range(0, answers).Where(answer => _places[answer] == 0)];

    public void Select(int answer) => Selected = answer;

    public void Step(int step) => Selected = (Selected + step + answers) % answers;

    public void Place(int answer, int number)
    {
        if (number > answers)
        {
            return;
        }

        Change(answer, [.. _places.Select((place, other) => other == answer ? number : place)]);
        var following = Enumerable.Range(1, answers - 1).Select(step => (answer + step) % answers).Where(other => _places[other] == 0).ToList();
        Selected = following.Count > 0 ? following[0] : answer;
    }

    /// <summary>Of two answers one is better, or neither (null).</summary>
    public void Vote(int? better) => Change(Selected, better switch { null => [1, 1], 0 => [1, 2], _ => [2, 1] });

    public void Move(int answer, int step)
    {
        var tiers = Tiers;
        var at = tiers.FindIndex(tier => tier.Contains(answer));
        if (at < 0)
        {
            Gap(answer, tiers.Count);
        }
        else if (tiers[at].Count > 1)
        {
            Gap(answer, step < 0 ? at : at + 1);
        }
        else if (at + step >= 0 && at + step < tiers.Count)
        {
            Gap(answer, step < 0 ? at - 1 : at + 2);
        }
        else
        {
            Selected = answer;
        }
    }

    public void Tie(int answer)
    {
        var at = Tiers.FindIndex(tier => tier.Contains(answer));
        if (Tiers.Count == 0)
        {
            Gap(answer, 0);
        }
        else if (at == 0)
        {
            Selected = answer;
        }
        else
        {
            Join(answer, at < 0 ? Tiers.Count - 1 : at - 1);
        }
    }

    public void Gap(int answer, int index) => Rebuild(answer, tiers => tiers.Insert(index, [answer]));

    public void Join(int answer, int index) => Rebuild(answer, tiers => tiers[index].Add(answer));

    public void Tray(int answer) => Rebuild(answer, _ => { });

    public void Undo()
    {
        if (_past.TryPop(out var last))
        {
            (_places, Selected) = last;
        }
    }

    private void Rebuild(int answer, Action<List<List<int>>> put)
    {
        var tiers = Tiers;
        tiers.ForEach(tier => tier.Remove(answer));
        put(tiers);
        var rebuilt = new int[answers];
        foreach (var (index, tier) in tiers.Where(tier => tier.Count > 0).Index())
        {
            tier.ForEach(other => rebuilt[other] = index + 1);
        }

        Change(answer, rebuilt);
    }

    private void Change(int answer, int[] next)
    {
        if (!next.SequenceEqual(_places))
        {
            _past.Push((_places, Selected));
            _places = next;
        }

        Selected = answer;
    }
}
