using System.Security.Cryptography;
using Rlhf.World;

namespace Rlhf.Tests.Core;

public sealed class DurableFilesTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Fact]
    public void A_file_is_replaced_whole()
    {
        var path = _folder.PathOf("file");
        DurableFiles.WriteAtomically(path, stream => stream.Write("first text"u8));
        DurableFiles.WriteAtomically(path, stream => stream.Write("second"u8));
        Assert.Equal("second", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_failed_write_leaves_the_old_file_and_nothing_else()
    {
        var path = _folder.PathOf("file");
        File.WriteAllText(path, "old");
        Assert.Throws<FormatException>(() => DurableFiles.WriteAtomically(path, stream =>
        {
            stream.Write("half"u8);
            throw new FormatException();
        }));
        Assert.Equal("old", File.ReadAllText(path));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_folder_that_cannot_take_the_file_fails_the_run() =>
        Assert.Throws<RunFailedException>(() => DurableFiles.WriteAtomically(_folder.PathOf("absent", "file"), stream => stream.WriteByte(1)));

    [Fact]
    public void A_folder_is_replaced_whole()
    {
        var path = _folder.PathOf("model");
        DurableFiles.ReplaceFolderAtomically(path, at => File.WriteAllText(Path.Combine(at, "a"), "1"));
        DurableFiles.ReplaceFolderAtomically(path, at =>
        {
            Assert.Empty(Directory.GetFileSystemEntries(at));
            Directory.CreateDirectory(Path.Combine(at, "inner"));
            File.WriteAllText(Path.Combine(at, "inner", "b"), "2");
        });
        Assert.False(File.Exists(Path.Combine(path, "a")));
        Assert.Equal("2", File.ReadAllText(Path.Combine(path, "inner", "b")));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_failed_fill_leaves_the_old_folder_and_nothing_else()
    {
        var path = _folder.PathOf("model");
        DurableFiles.ReplaceFolderAtomically(path, at => File.WriteAllText(Path.Combine(at, "a"), "old"));
        Assert.Throws<FormatException>(() => DurableFiles.ReplaceFolderAtomically(path, at =>
        {
            File.WriteAllText(Path.Combine(at, "a"), "new");
            throw new FormatException();
        }));
        Assert.Equal("old", File.ReadAllText(Path.Combine(path, "a")));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_half_written_folder_of_a_dead_process_is_removed()
    {
        var path = _folder.PathOf("model");
        Write(path, "old");
        Write(path + ".partial", "half");
        DurableFiles.RecoverFolder(path);
        Assert.Equal("old", File.ReadAllText(Path.Combine(path, "a")));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_death_between_the_renames_is_finished_with_the_new_folder()
    {
        var path = _folder.PathOf("model");
        Write(path + ".old", "old");
        Write(path + ".partial", "new");
        DurableFiles.RecoverFolder(path);
        Assert.Equal("new", File.ReadAllText(Path.Combine(path, "a")));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void A_death_before_the_old_folder_was_removed_leaves_the_new_one()
    {
        var path = _folder.PathOf("model");
        Write(path, "new");
        Write(path + ".old", "old");
        DurableFiles.RecoverFolder(path);
        Assert.Equal("new", File.ReadAllText(Path.Combine(path, "a")));
        Assert.Equal([path], Directory.GetFileSystemEntries(_folder.Path));
    }

    [Fact]
    public void The_content_hash_covers_configuration_and_weights_only()
    {
        var path = _folder.CopyOf(ReferenceFiles.PathOf("gpt2-tiny"));
        var hash = DurableFiles.ContentHash(path);
        Assert.Equal(SHA256.HashSizeInBytes * 2, hash.Length);
        Assert.Equal(hash, DurableFiles.ContentHash(_folder.CopyOf(path)));
        File.WriteAllText(Path.Combine(path, "tokenizer.json"), "{}");
        Assert.Equal(hash, DurableFiles.ContentHash(path));

        var weights = Path.Combine(path, "model.safetensors");
        var bytes = File.ReadAllBytes(weights);
        bytes[^1] ^= 1;
        File.WriteAllBytes(weights, bytes);
        var changed = DurableFiles.ContentHash(path);
        Assert.NotEqual(hash, changed);
        File.AppendAllText(Path.Combine(path, "config.json"), " ");
        Assert.NotEqual(changed, DurableFiles.ContentHash(path));
    }

    private static void Write(string path, string content)
    {
        Directory.CreateDirectory(path);
        File.WriteAllText(Path.Combine(path, "a"), content);
    }
}
