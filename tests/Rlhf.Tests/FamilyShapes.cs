namespace Rlhf.Tests;

/// <summary>Shapes that a family does not have become those that it has.</summary>
internal static class FamilyShapes
{
    /// <summary>Null where every head has a key of its own.</summary>
    public static int? KeyValueHeads(string family, int heads) => family is "gpt2" or "gpt_neox" or "opt" or "bloom" or "gptj" ? null : heads;

    /// <summary>Null where the width decides.</summary>
    public static int? FeedForwardWidth(string family, int width) => family == "bloom" ? null : width;
}
