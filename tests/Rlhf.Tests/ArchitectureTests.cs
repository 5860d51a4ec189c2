using System.Text.RegularExpressions;

namespace Rlhf.Tests;

/// <summary>The folders of src/Rlhf are the architecture: a folder may use those before it in this list, never those after it.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string[] Order =
        ["Data", "Quickstart", "Tokenization", "Numerics", "Model", "Generation", "Objectives", "Training", "Evaluation", "Reporting", "Runs", "Benchmarks"];

    [Fact]
    public void Every_folder_has_its_place_in_the_order()
    {
        var folders = Directory.GetDirectories(Source).Select(Path.GetFileName).Where(name => name is not ("bin" or "obj"));
        Assert.Equal(Order.Order(), folders.Order());
    }

    [Fact]
    public void Dependencies_run_one_way()
    {
        var wrong =
            from file in Files()
            let folder = Folder(file)
            where folder.Length > 0
            from Match match in NamespaceUse().Matches(File.ReadAllText(file))
            let used = match.Groups[1].Value
            where Array.IndexOf(Order, used) > Array.IndexOf(Order, folder)
            select $"{Path.GetRelativePath(Source, file)} uses Rlhf.{used}";
        Assert.Empty(wrong.Distinct());
    }

    [Fact]
    public void Namespaces_are_folders()
    {
        var wrong =
            from file in Files()
            let expected = string.Join('.', new[] { "Rlhf" }.Concat(Path.GetRelativePath(Source, Path.GetDirectoryName(file)!).Split(Path.DirectorySeparatorChar).Where(part => part != ".")))
            let actual = NamespaceDeclaration().Match(File.ReadAllText(file)).Groups[1].Value
            where actual.Length > 0 && !expected.StartsWith(actual, StringComparison.Ordinal)
            select $"{Path.GetRelativePath(Source, file)} declares {actual}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_the_device_dereferences_buffers()
    {
        var wrong =
            from file in Files()
            where !file.Contains($"{Path.DirectorySeparatorChar}Numerics{Path.DirectorySeparatorChar}", StringComparison.Ordinal)
            where BufferAddress().IsMatch(File.ReadAllText(file))
            select Path.GetRelativePath(Source, file);
        Assert.Empty(wrong);
    }

    private static string Source => Path.Combine(ReferenceFiles.Repository, "src", "Rlhf");

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories);

    private static string Folder(string file) =>
        Path.GetRelativePath(Source, file).Split(Path.DirectorySeparatorChar) is [var folder, _, ..] ? folder : "";

    [GeneratedRegex(@"\bRlhf\.([A-Z][A-Za-z]+)\b")]
    private static partial Regex NamespaceUse();

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"\.Pointer\b")]
    private static partial Regex BufferAddress();
}
