using Rlhf.Data;
using Rlhf.World;

namespace Rlhf.Tests.Data;

public sealed class DataFilesTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public DataFilesTests()
    {
        foreach (var name in new[] { "b.jsonl", "a.jsonl", "a.txt", "x/c.jsonl", "x/y/d.jsonl", "z/e.jsonl" })
        {
            _folder.Write(name, "\"text\"");
        }
    }

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("a.jsonl", "a.jsonl")]
    [InlineData("*.jsonl", "a.jsonl b.jsonl")]
    [InlineData("?.txt", "a.txt")]
    [InlineData("*/*.jsonl", "x/c.jsonl z/e.jsonl")]
    [InlineData("**/*.jsonl", "a.jsonl b.jsonl x/c.jsonl x/y/d.jsonl z/e.jsonl")]
    [InlineData("x/**/d*", "x/y/d.jsonl")]
    [InlineData("x/../?.txt", "x/../a.txt")]
    public void A_path_or_glob_gives_its_files_in_order_of_names(string path, string names) =>
        Assert.Equal(names.Split(' '), DataFiles.Resolve([path], _folder.Path).Select(file => file.Name.Replace(Path.DirectorySeparatorChar, '/')));

    [Fact]
    public void Paths_may_be_absolute_and_keep_their_order()
    {
        var absolute = Path.Combine(_folder.Path, "a.j*");
        var files = DataFiles.Resolve(["b.jsonl", absolute], _folder.Path);
        Assert.Equal([Path.Combine(_folder.Path, "b.jsonl"), Path.Combine(_folder.Path, "a.jsonl")], files.Select(file => file.FullPath));
    }

    [Theory]
    [InlineData("none.jsonl")]
    [InlineData("none/*.jsonl")]
    [InlineData("*.parquet")]
    public void What_matches_no_file_is_an_error(string path) =>
        Assert.StartsWith(
            path + ": no such file", Assert.Throws<InputException>(() => DataFiles.Resolve([path], _folder.Path)).Message, StringComparison.Ordinal);

    [Fact]
    public void A_folder_without_files_of_rows_and_one_of_several_kinds_are_errors()
    {
        _folder.Write("mixed/a.jsonl", "{}");
        _folder.Write("mixed/b.csv.gz", "x");
        _folder.Write("none/README.md", "x");
        Assert.Contains("several kinds (.csv, .jsonl)",
            Assert.Throws<InputException>(() => DataFiles.Resolve(["mixed"], _folder.Path)).Message, StringComparison.Ordinal);
        Assert.Contains("no files of rows", Assert.Throws<InputException>(() => DataFiles.Resolve(["none"], _folder.Path)).Message, StringComparison.Ordinal);
    }

    [Fact]
    public void A_file_named_twice_is_an_error() =>
        Assert.Contains(
            "names this file twice", Assert.Throws<InputException>(() => DataFiles.Resolve(["a.*", "a.txt"], _folder.Path)).Message, StringComparison.Ordinal);

    [Fact]
    public void No_path_is_an_error() => Assert.Throws<InputException>(() => DataFiles.Resolve([], _folder.Path));
}
