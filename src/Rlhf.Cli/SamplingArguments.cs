using System.CommandLine;
using Rlhf.Sampling;

namespace Rlhf.Cli;

/// <summary>How answers are sampled, as options of a command.</summary>
internal sealed class SamplingArguments
{
    private readonly Option<double> _temperature =
        new("--temperature") { Description = "Divides the logits; 0 takes the most probable token always.", HelpName = "T", DefaultValueFactory = _ => 1 };
    private readonly Option<int?> _topK = new("--top-k") { Description = "Keeps the k most probable tokens. Default: all.", HelpName = "K" };
    private readonly Option<double> _topP =
        new("--top-p") { Description = "Keeps the most probable tokens that together have this probability.", HelpName = "P", DefaultValueFactory = _ => 1 };
    private readonly Option<double> _minP =
        new("--min-p") { Description = "Drops tokens less probable than this share of the most probable one.", HelpName = "P", DefaultValueFactory = _ => 0 };
    private readonly Option<double> _repetitionPenalty = new("--repetition-penalty")
    {
        Description = "Makes tokens that were seen already less probable; 1 for none.",
        HelpName = "X",
        DefaultValueFactory = _ => 1,
    };
    private readonly Option<ulong> _seed =
        new("--seed") { Description = "The same seed gives the same answers.", HelpName = "N", DefaultValueFactory = _ => 0 };

    public IReadOnlyList<Option> All => [_temperature, _topK, _topP, _minP, _repetitionPenalty, _seed];

    public void AddTo(Command command)
    {
        foreach (var option in All)
        {
            command.Add(option);
        }
    }

    public ulong SeedOf(ParseResult parsed) => parsed.GetValue(_seed);

    /// <summary>The options, checked.</summary>
    public SamplingOptions Of(ParseResult parsed)
    {
        var options = new SamplingOptions
        {
            Temperature = parsed.GetValue(_temperature),
            TopK = parsed.GetValue(_topK),
            TopP = parsed.GetValue(_topP),
            MinP = parsed.GetValue(_minP),
            RepetitionPenalty = parsed.GetValue(_repetitionPenalty),
        };
        options.Validate();
        return options;
    }
}
