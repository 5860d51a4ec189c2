using System.Text;
using System.Text.Json;
using Rlhf.World;

namespace Rlhf.Tests.Core;

public class FailureTextTests
{
    private sealed record Point(int X);

    [Fact]
    public void The_systems_errors_have_plain_words()
    {
        Assert.Equal("the disk is full. Free some space first", FailureText.Of(new IOException("No space left on device : '/a'", 28)));
        Assert.Equal("device or resource busy", FailureText.Of(new IOException("Device or resource busy : '/a'", 16)));
        Assert.Equal("it is a folder, and a file is needed",
            FailureText.Of(new UnauthorizedAccessException("Access to the path '/tmp' is denied."), Path.GetTempPath()));
    }

    [Theory]
    [InlineData("""{"X": "a"}""", "a value of another kind is expected at $.X")]
    [InlineData("""{"X": 1,}""", "the JSON object contains a trailing comma at the end which is not supported in this mode. Change the reader options")]
    [InlineData("[1]", "a value of another kind is expected")]
    public void A_broken_json_file_is_described_without_types_and_without_the_parsers_own_count(string json, string expected)
    {
        var failure = Assert.ThrowsAny<JsonException>(() => JsonSerializer.Deserialize<Point>(json));
        Assert.Equal(expected, FailureText.Of(failure));
    }

    [Fact]
    public void Parameters_of_functions_are_not_named()
    {
        Assert.Equal("the value cannot be an empty string", FailureText.Of(new ArgumentException("The value cannot be an empty string.", "path")));
        Assert.Equal("it is damaged", FailureText.Of(new InvalidCastException("Unable to cast object of type 'System.String' to type 'System.Int32'.")));
        Assert.Equal("it is not UTF-8 text", FailureText.Of(new DecoderFallbackException("Unable to translate bytes [FF] at index 0.")));
    }
}
