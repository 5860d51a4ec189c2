using Rlhf.Hub;

namespace Rlhf.Tests.Hub;

public sealed class HubNameTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [InlineData("HuggingFaceTB/SmolLM2-135M-Instruct", "hf://HuggingFaceTB/SmolLM2-135M-Instruct")]
    [InlineData("org/name-v0.1@main", "hf://org/name-v0.1@main")]
    [InlineData("org/name@refs/pr/1", "hf://org/name@refs/pr/1")]
    [InlineData("org/name@refs/pr/1/q.gguf", "hf://org/name@refs/pr/1/q.gguf")]
    [InlineData("org/name@feature%2Fx", "hf://org/name@feature%2Fx")]
    [InlineData("org/name/file.gguf", "hf://org/name/file.gguf")]
    [InlineData("org/name/sub/file.GGUF", "hf://org/name/sub/file.GGUF")]
    [InlineData("hf://org/name", "hf://org/name")]
    [InlineData("hf://org/name/data/rows.jsonl", "hf://org/name/data/rows.jsonl")]
    [InlineData("hf://datasets/org/name@v1/data/train-*.parquet", "hf://datasets/org/name@v1/data/train-*.parquet")]
    [InlineData("hf://datasets/org/name@refs/convert/parquet/default/train/0000.parquet", "hf://datasets/org/name@refs/convert/parquet/default/train/0000.parquet")]
    [InlineData("https://huggingface.co/org/name", "hf://org/name")]
    [InlineData("https://huggingface.co/org/name/tree/main", "hf://org/name@main")]
    [InlineData("https://huggingface.co/datasets/org/name/resolve/main/a/b%20c.jsonl?download=true", "hf://datasets/org/name@main/a/b c.jsonl")]
    public void A_name_has_one_full_form(string text, string full)
    {
        Assert.Equal(full, HubName.Find(text, _folder.Path)?.Full);
        Assert.Equal(full, HubName.Find(full, _folder.Path)!.Full);
    }

    [Theory]
    [InlineData("./org/name")]
    [InlineData("../org/name")]
    [InlineData("/org/name")]
    [InlineData("~/name")]
    [InlineData("name")]
    [InlineData("org/name/model")]
    [InlineData("org\\name")]
    [InlineData("C:/org/name.gguf")]
    [InlineData("org/rows.jsonl")]
    [InlineData("org/rows.jsonl.gz")]
    [InlineData("org/model.gguf")]
    [InlineData("org/model.safetensors")]
    [InlineData("data/*.jsonl")]
    [InlineData("org/a--b")]
    [InlineData("org/..")]
    [InlineData("org/name@../x")]
    [InlineData("https://example.com/org/name")]
    [InlineData("")]
    public void A_path_is_never_asked_of_the_hub(string text) => Assert.Null(HubName.Find(text, _folder.Path));

    [Theory]
    [InlineData("hf://")]
    [InlineData("hf://org")]
    [InlineData("hf://datasets/org")]
    [InlineData("hf://org/name/../x")]
    [InlineData("hf://org/name//x")]
    [InlineData("hf://org/name@a b")]
    [InlineData("hf://datasets/org/name/C:/x")]
    public void An_address_that_is_none_is_refused(string text) =>
        Assert.Contains("is no name on the hub", Assert.Throws<InputException>(() => HubName.Find(text)).Message, StringComparison.Ordinal);

    [Fact]
    public void What_exists_here_is_a_path()
    {
        _folder.Write("org/name/config.json", "{}");
        Assert.Null(HubName.Find("org/name", _folder.Path));
        Assert.Null(HubName.Find("org/missing", _folder.Path)); // most likely a slip in a path
        Assert.NotNull(HubName.Find("hf://org/name", _folder.Path));
        Assert.NotNull(HubName.Find("org/missing@main", _folder.Path));
    }

    [Fact]
    public void A_data_file_is_not_named_by_its_repository_alone()
    {
        Assert.Null(HubName.FindData("org/name", _folder.Path));
        Assert.NotNull(HubName.FindData("hf://datasets/org/name", _folder.Path));
    }

    [Theory]
    [InlineData("data/train-0.jsonl", "data/train-*.jsonl", true)]
    [InlineData("data/a/train-0.jsonl", "data/*.jsonl", false)]
    [InlineData("data/a/train-0.jsonl", "data/**/*.jsonl", true)]
    [InlineData("data/train-0.jsonl", "data/**/*.jsonl", true)]
    [InlineData("train.jsonl", "**/*", true)]
    [InlineData("train.jsonl", "Train.jsonl", false)]
    [InlineData("a/b", "a", false)]
    public void Globs_are_those_of_data_files(string path, string pattern, bool fits) => Assert.Equal(fits, HubPath.Fits(path, pattern));

    [Fact]
    public void Settings_are_those_of_the_hubs_own_programs()
    {
        var file = _folder.Write("home/token", "hf_kept\n");
        HubSettings Of(params (string, string)[] variables) => HubSettings.From(name => variables.FirstOrDefault(variable => variable.Item1 == name).Item2);
        var home = ("HF_HOME", _folder.PathOf("home"));
        Assert.Equal((_folder.PathOf("home", "hub"), "hf_kept", file), (Of(home).Cache, Of(home).Token, Of(home).TokenSource));
        Assert.Equal(("hf_given", "HF_TOKEN"), (Of(home, ("HF_TOKEN", " hf_given ")).Token, Of(home, ("HF_TOKEN", "hf_given")).TokenSource));
        Assert.Equal(_folder.PathOf("hub"), Of(home, ("HF_HUB_CACHE", _folder.PathOf("hub"))).Cache);
        Assert.Equal("https://mirror.example/hf", Of(("HF_ENDPOINT", "https://mirror.example/hf/")).Shown);
        Assert.True(Of(("HF_HUB_OFFLINE", "1")).Offline);
        Assert.False(Of(("HF_HUB_OFFLINE", "0")).Offline);
        Assert.Null(Of(home, ("HF_HUB_DISABLE_IMPLICIT_TOKEN", "1")).Token);
        Assert.Equal(Path.Combine(Environment.GetFolderPath(Environment.SpecialFolder.UserProfile), "x", "hub"), Of(("HF_HOME", "~/x")).Cache);
        Assert.Contains("HF_ENDPOINT", Assert.Throws<InputException>(() => Of(("HF_ENDPOINT", "mirror"))).Message, StringComparison.Ordinal);
        Assert.Contains("is no token", Assert.Throws<InputException>(() => Of(("HF_TOKEN", "a\nb"))).Message, StringComparison.Ordinal);
    }
}
