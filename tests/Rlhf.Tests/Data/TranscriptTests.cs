using FsCheck;
using FsCheck.Fluent;
using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class TranscriptTests
{
    [Theory]
    [InlineData("")]
    [InlineData("Hello")]
    [InlineData("\n\nAssistant:")]
    [InlineData("\n\nHuman: hi")]
    [InlineData("x\n\nHuman: hi\n\nAssistant:")]
    public void Other_texts_are_no_transcripts(string text) => Assert.Null(Transcript.ParsePrompt(text));

    [Theory]
    [InlineData("\n\nHuman: hi\n\nAssistant:")]
    [InlineData("\n\nHuman: two\n\nparagraphs \n\nAssistant: \n\nHuman:  x\n\n\nAssistant:")]
    [InlineData("\n\nSystem: be brief\n\nHuman: hi\n\nAssistant:")]
    public void A_transcript_is_written_as_it_was_read(string text) => Assert.Equal(text, Transcript.Write(Transcript.ParsePrompt(text)!));

    [Fact]
    public void What_is_written_is_read_again() =>
        Check.QuickThrowOnFailure(Prop.ForAll<NonEmptyArray<bool>, NonNull<string>>((users, content) =>
        {
            var text = content.Get.Replace("\n", "", StringComparison.Ordinal);
            var messages = users.Get.Select(user => new Message(user ? "user" : "assistant", text)).ToList();
            return messages.SequenceEqual(Transcript.ParsePrompt(Transcript.Write(messages))!);
        }));

    [Fact]
    public void A_million_line_ends_are_read_in_no_time() =>
        Assert.Single(Transcript.ParsePrompt("\n\nHuman:" + new string('\n', 1_000_000) + "\n\nAssistant:")!);
}
