namespace Rlhf.Tests.Core;

public sealed class SpillFileTests : IDisposable
{
    private readonly TestFolder _folder = new();

    private string File => _folder.PathOf("rows.spill");

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData(0)]
    [InlineData(1)]
    [InlineData(4088)]
    [InlineData(4089)]
    [InlineData(1 << 20)]
    [InlineData((3 << 20) + 5)]
    public void A_record_of_any_length_comes_back_from_among_others(int length)
    {
        using var file = new SpillFile(File);
        var record = new byte[length];
        new Random(1).NextBytes(record);
        byte[][] records = [[1, 2, 3], record, [], [4]];
        long[] places = [.. records.Select(bytes => file.Append(bytes))];
        foreach (var i in (int[])[3, 1, 0, 2, 1])
        {
            Assert.Equal(records[i], file.Read(places[i]));
        }

        var later = file.Append([9]);
        Assert.Equal([9], file.Read(later));
    }

    [Fact]
    public void Nothing_is_left_behind_and_what_a_death_left_is_written_over()
    {
        System.IO.File.WriteAllBytes(File, new byte[1000]);
        using (var file = new SpillFile(File))
        {
            Assert.Equal([5, 6], file.Read(file.Append([5, 6])));
            Assert.Equal(10, new FileInfo(File).Length);
        }

        Assert.False(System.IO.File.Exists(File));
    }

    [Theory]
    [InlineData(0)] // length
    [InlineData(3)] // length, now beyond the end
    [InlineData(4)] // checksum
    [InlineData(8)] // first byte
    [InlineData(5007)] // last byte
    public void A_changed_byte_is_told_with_its_place_and_what_to_do(int at)
    {
        using var file = new SpillFile(File);
        file.Append([1]);
        var place = file.Append(Enumerable.Repeat((byte)7, 5000).ToArray());
        _ = file.Read(0);
        Damage(place + at);
        var failure = Assert.Throws<RunFailedException>(() => file.Read(place));
        Assert.Contains($"{File}: the record at byte 9 is damaged", failure.Message, StringComparison.Ordinal);
        Assert.Contains("--resume", failure.Message, StringComparison.Ordinal);
        Assert.Equal([1], file.Read(0));
    }

    [Fact]
    public void A_file_that_was_cut_is_damaged()
    {
        using var file = new SpillFile(File);
        file.Append([1]);
        var place = file.Append(new byte[5000]);
        _ = file.Read(0);
        using (var stream = new FileStream(File, FileMode.Open, FileAccess.Write, FileShare.ReadWrite))
        {
            stream.SetLength(4000);
        }

        Assert.Throws<RunFailedException>(() => file.Read(place));
    }

    [SmallDiskFact]
    public void A_full_disk_is_told_with_the_file()
    {
        using var disk = new SmallDisk(kilobytes: 2048);
        using var file = new SpillFile(disk.PathOf("rows.spill"));
        var failure = Assert.Throws<RunFailedException>(() =>
        {
            for (var i = 0; i < 100; i++)
            {
                file.Append(new byte[100_000]);
            }
        });
        Assert.Equal($"{disk.PathOf("rows.spill")} cannot be written: the disk is full. Free some space first.", failure.Message);
    }

    private void Damage(long at)
    {
        using var stream = new FileStream(File, FileMode.Open, FileAccess.ReadWrite, FileShare.ReadWrite);
        stream.Position = at;
        var value = stream.ReadByte();
        stream.Position = at;
        stream.WriteByte((byte)(value ^ 0x41));
    }
}
