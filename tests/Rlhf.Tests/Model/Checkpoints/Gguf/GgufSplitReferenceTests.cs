using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Model.Checkpoints.Gguf;

namespace Rlhf.Tests.Model.Checkpoints.Gguf;

/// <summary>A model in several GGUF files is the model in one.</summary>
public sealed class GgufSplitReferenceTests : IDisposable
{
    private readonly TestFolder _folder = new();

    public static TheoryData<string> Files() => GgufReferences.Files();

    public void Dispose() => _folder.Dispose();

    [Theory]
    [MemberData(nameof(Files))]
    public void Parts_have_the_weights_texts_and_configuration_of_the_whole_file(string name)
    {
        var whole = GgufReferences.PathOf(name + ".gguf");
        int[] counts = [2, Math.Min(5, GgufFile.Open(whole).Tensors.Count)];
        foreach (var (count, firstIsEmpty) in counts.SelectMany(count => new[] { (count, false), (count, true) }))
        {
            var parts = GgufSplitter.Split(whole, _folder.PathOf($"{name}-{count}-{firstIsEmpty}"), count, firstIsEmpty);
            Assert.Equal(Numbers(whole), Numbers(parts[0]));
            var (one, several) = (Checkpoint.Open(whole), Checkpoint.Open(parts[0]));
            Assert.Equal(one.Config with { EosTokenIds = [], Notes = [] }, several.Config with { EosTokenIds = [], Notes = [] });
            Assert.Equal(one.Config.EosTokenIds, several.Config.EosTokenIds);
            Assert.Equal(one.HasTokenizer, several.HasTokenizer);
            if (one.HasTokenizer)
            {
                Assert.Equal(one.Tokenizer.Encode("The cat, 12 of them!"), several.Tokenizer.Encode("The cat, 12 of them!"));
            }
        }
    }

    [Theory]
    [MemberData(nameof(Files))]
    public void Log_probabilities_are_the_references(string name)
    {
        var parts = GgufSplitter.Split(GgufReferences.PathOf(name + ".gguf"), _folder.PathOf(name), 3);
        var expected = GgufReferences.Json(name + ".expected.json");
        int[][] rows = [.. expected.GetProperty("input_ids").EnumerateArray().Select(GgufReferences.Ids)];
        double[] wanted = [.. expected.GetProperty("next_logprobs").EnumerateArray().SelectMany(GgufReferences.Numbers)];
        Assert.All(wanted.Zip(GgufReferences.LogProbabilities(parts[0], rows)), pair => Assert.Equal(pair.First, pair.Second, 5e-5));
    }

    [Fact]
    public void Exported_again_they_are_one_file()
    {
        var (whole, parts) = Split(3);
        Checkpoint.Open(parts[0]).ExportGguf(_folder.PathOf("joined.gguf"), GgufTensorType.F32, _ => { });
        Assert.Equal(Numbers(whole), Numbers(_folder.PathOf("joined.gguf")));
    }

    [Fact]
    public void Any_part_that_changes_changes_the_hash()
    {
        var (_, parts) = Split(3);
        var before = Checkpoint.Open(parts[0]).Hash;
        Assert.Equal(before, Checkpoint.Open(parts[0]).Hash);
        foreach (var part in parts)
        {
            var bytes = File.ReadAllBytes(part);
            File.WriteAllBytes(part, [.. bytes, 0]);
            Assert.NotEqual(before, Checkpoint.Open(parts[0]).Hash);
            File.WriteAllBytes(part, bytes);
        }
    }

    [Fact]
    public void Another_part_than_the_first_names_the_first()
    {
        var (_, parts) = Split(3);
        Refused(parts[1], $"\"split.no\": 1 means that this is not the first part of the model: give that, {parts[0]}");
    }

    [Fact]
    public void A_part_that_is_missing_is_named()
    {
        var (_, parts) = Split(3);
        File.Delete(parts[2]);
        Refused(parts[0], $"{parts[2]}: this part of the model is not there");
    }

    [Fact]
    public void A_part_in_the_place_of_another_is_refused()
    {
        var (_, parts) = Split(3);
        File.Copy(parts[2], parts[1], overwrite: true);
        Refused(parts[0], $"{parts[1]}: \"split.no\": 2 does not fit: this should be part 2 of 3 of one model");
    }

    [Fact]
    public void A_part_of_another_split_is_refused()
    {
        var (whole, parts) = Split(3);
        var other = GgufSplitter.Split(whole, _folder.PathOf("other"), 2);
        File.Copy(other[1], parts[1], overwrite: true);
        Refused(parts[0], $"{parts[1]}: \"split.count\": 2 does not fit: this should be part 2 of 3 of one model");
        var more = GgufSplitter.Split(whole, _folder.PathOf("more"), 3, firstIsEmpty: true);
        File.Copy(GgufSplitter.Split(whole, _folder.PathOf("model"), 3)[0], more[0], overwrite: true);
        Refused(more[0], "these are not the parts of one model");
    }

    [Fact]
    public void Too_few_tensors_are_told()
    {
        var (whole, parts) = Split(2);
        var empty = GgufSplitter.Split(whole, _folder.PathOf("empty"), 2, firstIsEmpty: true);
        File.Copy(empty[0], parts[0], overwrite: true);
        Refused(parts[0], "split.tensors.count");
    }

    [Fact]
    public void Names_and_metadata_must_agree()
    {
        var (whole, parts) = Split(2);
        File.Move(parts[0], _folder.PathOf("renamed.gguf"));
        Refused(_folder.PathOf("renamed.gguf"), "this is one of 2 files, which are found by their names: NAME-00001-of-00002.gguf");
        File.Copy(whole, _folder.PathOf("whole-00001-of-00002.gguf"));
        Refused(_folder.PathOf("whole-00001-of-00002.gguf"), "give it another name if it is whole");
    }

    private (string Whole, string[] Parts) Split(int count)
    {
        var whole = Directory.EnumerateFiles(GgufReferences.PathOf(), "*.gguf").Order(StringComparer.Ordinal).First();
        return (whole, GgufSplitter.Split(whole, _folder.PathOf("model"), count));
    }

    private static void Refused(string path, string words) =>
        Assert.Contains(words, Assert.Throws<InputException>(() => Checkpoint.Open(path).Check()).Message, StringComparison.Ordinal);

    private static float[] Numbers(string path)
    {
        using var model = GgufModel.Open(path);
        var layout = new ParameterLayout(model.Config);
        var parameters = new float[layout.Length];
        model.Read(new ParameterRange(0, layout.Length), (offset, values) => values.CopyTo(parameters.AsSpan((int)offset)));
        return parameters;
    }
}
