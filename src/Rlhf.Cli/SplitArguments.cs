using System.CommandLine;
using System.Globalization;
using Rlhf.Data;

namespace Rlhf.Cli;

/// <summary>Which rows a training kept aside, as options of a command: what its recipe says under <c>held_out</c>, <c>split_by</c> and
/// <c>split_seed</c>.</summary>
internal sealed class SplitArguments
{
    private readonly Option<string[]> _heldOut = new("--held-out")
    {
        Description = "Takes only the rows that a training with this held_out did not see: a share, for example 0.1, or with --split-by names of values. Default: all rows.",
        HelpName = "SHARE|NAME",
        AllowMultipleArgumentsPerToken = true,
        DefaultValueFactory = _ => [],
    };

    private readonly Option<string?> _splitBy = new("--split-by")
    {
        Description = "The field by whose value the training's rows were split (split_by).",
        HelpName = "FIELD",
    };

    private readonly Option<int?> _seed = ModelArguments.OptionalNumber("--split-seed", 0, "The training's split_seed. Default: 0.");

    public void AddTo(Command command)
    {
        command.Add(_heldOut);
        command.Add(_splitBy);
        command.Add(_seed);
    }

    /// <summary>The source with the split of the training.</summary>
    /// <exception cref="InputException">An option does not fit the others.</exception>
    public DataSource On(DataSource source, ParseResult parsed)
    {
        var field = parsed.GetValue(_splitBy);
        var rule = RuleOf(parsed.GetValue(_heldOut)!, field);
        return rule.HoldsAny || (field is null && parsed.GetValue(_seed) is null)
            ? source with { HeldOut = rule, SplitBy = field, SplitSeed = (ulong)(parsed.GetValue(_seed) ?? 0) }
            : throw new InputException("--split-by and --split-seed have no effect without --held-out.");
    }

    private static HeldOutRule RuleOf(string[] given, string? field)
    {
        if (given.Length == 0)
        {
            return HeldOutRule.None;
        }

        if (given is [var one] && double.TryParse(one, NumberStyles.Float, CultureInfo.InvariantCulture, out var share))
        {
            return share is > 0 and < 1
                ? share
                : throw new InputException("--held-out: expected a share above 0 and below 1, such as the held_out of the training's data.");
        }

        return field is not null
            ? HeldOutRule.Of(given)
            : throw new InputException(
                $"--held-out: expected a share above 0 and below 1, found {string.Join(' ', given)}; names of values need --split-by FIELD.");
    }
}
