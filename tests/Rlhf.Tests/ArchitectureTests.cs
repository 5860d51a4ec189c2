using System.Text.RegularExpressions;
using Mono.Cecil;

namespace Rlhf.Tests;

/// <summary>The folders of src/Rlhf are the architecture: a folder may use those before it in this list, never those after it. Sub-folders have places of their
/// own.</summary>
public sealed partial class ArchitectureTests
{
    private static readonly string[] Order =
    [
        "Core", "Hub", "Data", "Data.Tables.Parquet", "Data.Tables", "Data.RowForms", "World", "Text.Jinja", "Text.Patterns", "Text", "Text.Templates",
        "Text.Grammars",
        "Compute.Operations", "Compute.Reference", "Compute.Cpu.Simd", "Compute.Cpu.Threads", "Compute.Cpu.Memory", "Compute.Cpu.Blocks", "Compute.Cpu.MatMul",
        "Compute.Cpu.OneDnn", "Compute.Cpu.Kernels", "Compute.Cpu", "Compute",
        "Batching", "Model", "Model.Families", "Model.Checkpoints.Gguf", "Model.Checkpoints", "Sampling", "Objectives", "Training", "Evaluation",
        "Reports", "Reports.Charts", "Reports.Page", "Labelers.Store", "Labelers", "Grading", "Stages", "Stages.Pretrain", "Stages.Sft", "Stages.Collect",
        "Stages.Reward", "Stages.Dpo", "Stages.Rejection", "Stages.Ppo", "Stages.Distill", "Runs",
    ];

    [Fact]
    public void Every_folder_has_its_place_in_the_order()
    {
        var folders = Files().Select(Folder).Distinct().Where(name => name.Length > 0);
        Assert.Equal(Order.Order(), folders.Order());
    }

    [Fact]
    public void Dependencies_run_one_way()
    {
        using var assembly = AssemblyDefinition.ReadAssembly(typeof(InputException).Assembly.Location);
        string[] wrong =
        [
            .. (from use in TypeUses.In(assembly)
            let user = PlaceOf(use.User)
            let used = PlaceOf(use.Used)
            where user >= 0 && used > user
            orderby user, used
            select $"{use.User.FullName} uses {use.Used.FullName}").Distinct(),
        ];
        Assert.True(wrong.Length == 0, string.Join(Environment.NewLine, wrong));
    }

    [Fact]
    public void Namespaces_are_folders()
    {
        var wrong =
            from file in Files()
            let actual = NamespaceDeclaration().Match(File.ReadAllText(file)).Groups[1].Value
            where actual.Length > 0 && actual != $"Rlhf.{Folder(file)}"
            select $"{Path.GetRelativePath(Source, file)} declares {actual}";
        Assert.Empty(wrong);
    }

    [Fact]
    public void Only_the_device_dereferences_buffers()
    {
        var wrong =
            from file in Files()
            where !Folder(file).StartsWith("Compute", StringComparison.Ordinal)
            where BufferAddress().IsMatch(File.ReadAllText(file))
            select Path.GetRelativePath(Source, file);
        Assert.Empty(wrong);
    }

    private static string Source => Path.Combine(ReferenceFiles.Repository, "src", "Rlhf");

    private static int PlaceOf(TypeDefinition type) =>
        Array.IndexOf(Order, type.Namespace.StartsWith("Rlhf.", StringComparison.Ordinal) ? type.Namespace["Rlhf.".Length..] : type.Namespace);

    private static IEnumerable<string> Files() => Directory.EnumerateFiles(Source, "*.cs", SearchOption.AllDirectories);

    private static string Folder(string file) =>
        Path.GetRelativePath(Source, Path.GetDirectoryName(file)!).Replace(Path.DirectorySeparatorChar, '.').TrimStart('.');

    [GeneratedRegex(@"^namespace ([\w.]+);", RegexOptions.Multiline)]
    private static partial Regex NamespaceDeclaration();

    [GeneratedRegex(@"\.Pointer\b")]
    private static partial Regex BufferAddress();
}
