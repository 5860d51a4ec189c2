namespace Rlhf.Core;

/// <summary>The options of a recipe's section.</summary>
public interface IStageOptions
{
    /// <summary>Adds what is wrong to <paramref name="errors"/>.</summary>
    void Validate(OptionErrors errors);
}
