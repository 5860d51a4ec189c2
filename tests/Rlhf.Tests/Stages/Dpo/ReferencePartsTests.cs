using Rlhf.Stages.Dpo;

namespace Rlhf.Tests.Stages.Dpo;

/// <summary>Parts of the reference's pass on disk.</summary>
public sealed class ReferencePartsTests : IDisposable
{
    private static readonly float[] Values = [-1.5f, float.Epsilon, -0f];
    private readonly TestFolder _folder = new();

    private ReferenceParts Parts => new(_folder.PathOf("parts"));

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void What_was_measured_is_not_measured_again()
    {
        Assert.Equal(Values, Parts.Of(3, 3, () => Values));
        Assert.Equal(Values.Select(BitConverter.SingleToInt32Bits), Parts.Of(3, 3, Never).Select(BitConverter.SingleToInt32Bits));
        Assert.Equal([2f], Parts.Of(4, 1, () => [2f]));
    }

    [Theory]
    [InlineData(0)]
    [InlineData(7)]
    [InlineData(15)]
    public void A_part_with_a_changed_byte_is_measured_again(int at)
    {
        Parts.Of(0, 3, () => Values);
        var file = Assert.Single(Directory.GetFiles(_folder.PathOf("parts")));
        var bytes = File.ReadAllBytes(file);
        bytes[at] ^= 16;
        File.WriteAllBytes(file, bytes);

        Assert.Equal([1f, 2, 3], Parts.Of(0, 3, () => [1f, 2, 3]));
        Assert.Equal([1f, 2, 3], Parts.Of(0, 3, Never));
    }

    [Fact]
    public void A_part_of_another_length_is_measured_again()
    {
        Parts.Of(0, 3, () => Values);
        Assert.Equal([1f, 2], Parts.Of(0, 2, () => [1f, 2]));
    }

    [Fact]
    public void Deleting_what_is_not_there_does_nothing()
    {
        ReferenceParts.Delete(_folder.PathOf("parts"));
        Parts.Of(0, 3, () => Values);
        ReferenceParts.Delete(_folder.PathOf("parts"));
        Assert.False(Directory.Exists(_folder.PathOf("parts")));
    }

    private static float[] Never() => throw new InvalidOperationException("It was measured.");
}
