using FsCheck;
using FsCheck.Fluent;
using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class PromptSplitTests
{
    [Fact]
    public void The_hash_is_the_first_half_word_of_sha256() =>
        Assert.Equal(0xBA7816BFu, PromptSplit.Hash("abc")); // FIPS 180-2, example B.1

    [Fact]
    public void Rows_of_a_prompt_fall_on_one_side_whatever_white_space_is_around_it() =>
        Check.QuickThrowOnFailure(Prop.ForAll<NonNull<string>[], byte>((texts, share) =>
        {
            var rows = texts.Select(text => text.Get).ToList();
            return rows.All(text => PromptSplit.IsHeldOut(text, share / 256.0) == PromptSplit.IsHeldOut($" {text}\n", share / 256.0));
        }));

    [Theory]
    [InlineData("Say hello.", "Say hello. ")]
    [InlineData("Say hello.", "\n Say  hello.\t\n")]
    [InlineData("Say\nhello.", "Say \r\n\n hello.")]
    public void Prompts_that_look_the_same_fall_on_the_same_side(string one, string other)
    {
        for (var share = 0; share <= 256; share++)
        {
            Assert.Equal(PromptSplit.IsHeldOut(one, share / 256.0), PromptSplit.IsHeldOut(other, share / 256.0));
            Assert.Equal(PromptSplit.IsHeldOut(one, share / 256.0, "salt"), PromptSplit.IsHeldOut(other, share / 256.0, "salt"));
        }
    }

    [Fact]
    public void A_larger_share_holds_out_what_a_smaller_one_does() =>
        Check.QuickThrowOnFailure(Prop.ForAll<NonNull<string>, byte, byte>((text, a, b) =>
            !PromptSplit.IsHeldOut(text.Get, Math.Min(a, b) / 256.0) || PromptSplit.IsHeldOut(text.Get, Math.Max(a, b) / 256.0)));

    [Fact]
    public void The_parts_of_a_split_of_several_are_the_shares_between_its_bounds() =>
        Check.QuickThrowOnFailure(Prop.ForAll<NonNull<string>>(text =>
        {
            var part = PromptSplit.PartOf(text.Get, [0.25, 0.5]);
            return part == (PromptSplit.IsHeldOut(text.Get, 0.25) ? 0 : PromptSplit.IsHeldOut(text.Get, 0.75) ? 1 : 2);
        }));

    [Fact]
    public void Shares_are_about_as_large_as_asked_and_independent_by_salt()
    {
        var prompts = Enumerable.Range(0, 20_000).Select(i => $"prompt {i}").ToList();
        var heldOut = prompts.Count(prompt => PromptSplit.IsHeldOut(prompt, 0.1));
        var both = prompts.Count(prompt => PromptSplit.IsHeldOut(prompt, 0.1) && PromptSplit.IsHeldOut(prompt, 0.1, "second"));
        Assert.InRange(heldOut, 1800, 2200); // Five standard deviations are 212.
        Assert.InRange(both, 130, 270); // Five standard deviations are 70.
    }

    [Fact]
    public void Nothing_and_everything_can_be_held_out()
    {
        Assert.False(PromptSplit.IsHeldOut("a", 0));
        Assert.True(PromptSplit.IsHeldOut("a", 1));
    }

    [Fact]
    public void Shares_that_make_no_sense_are_refused()
    {
        Assert.Throws<InputException>(() => PromptSplit.IsHeldOut("a", -0.1));
        Assert.Throws<InputException>(() => PromptSplit.IsHeldOut("a", double.NaN));
        Assert.Throws<InputException>(() => PromptSplit.PartOf("a", [0.6, 0.6]));
    }
}
