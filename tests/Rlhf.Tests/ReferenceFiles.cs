namespace Rlhf.Tests;

/// <summary>
/// Finds the numeric oracles and the real data that tests read. The oracles stand in <c>tests/Rlhf.Tests/Reference</c>;
/// <c>RLHF_REFERENCE</c> points the same tests at another folder of that form. The real data stand in
/// <c>../shared/data</c> beside the repository and may be absent.
/// </summary>
internal static class ReferenceFiles
{
    public static string Repository { get; } = FindRepository();

    public static string Folder { get; } = Environment.GetEnvironmentVariable("RLHF_REFERENCE") is { Length: > 0 } folder
        ? folder
        : Path.Combine(Repository, "tests", "Rlhf.Tests", "Reference");

    public static string DataFolder { get; } = Path.GetFullPath(Path.Combine(Repository, "..", "shared", "data"));

    public static string PathOf(params string[] parts) => Path.Combine([Folder, .. parts]);

    public static string DataPathOf(params string[] parts) => Path.Combine([DataFolder, .. parts]);

    /// <summary>A file of <c>../shared/cases</c>, or of the folder that <c>RLHF_CASES</c> names: inputs with the right outcome beside them.</summary>
    public static string CasePathOf(params string[] parts) => Path.GetFullPath(Path.Combine([CaseFolder, .. parts]));

    private static string CaseFolder { get; } = Environment.GetEnvironmentVariable("RLHF_CASES") is { Length: > 0 } folder
        ? folder
        : Path.Combine(Repository, "..", "shared", "cases");

    private static string FindRepository()
    {
        for (var folder = new DirectoryInfo(AppContext.BaseDirectory); folder is not null; folder = folder.Parent)
        {
            if (File.Exists(Path.Combine(folder.FullName, "Rlhf.slnx")))
            {
                return folder.FullName;
            }
        }

        throw new DirectoryNotFoundException("The tests run inside the repository: no folder above them holds Rlhf.slnx.");
    }
}

/// <summary>A fact that needs a file below <c>../shared/data</c>; skipped, and says so, where that file is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class DataFactAttribute : FactAttribute
{
    public DataFactAttribute(string path)
    {
        var full = ReferenceFiles.DataPathOf(path.Split('/'));
        if (!File.Exists(full) && !Directory.Exists(full))
        {
            Skip = $"{full} is absent";
        }
    }
}

/// <summary>A fact that needs a file below <c>../shared/cases</c>; skipped, and says so, where that file is absent.</summary>
[AttributeUsage(AttributeTargets.Method)]
internal sealed class CaseFactAttribute : FactAttribute
{
    public CaseFactAttribute(string path)
    {
        var full = ReferenceFiles.CasePathOf(path.Split('/'));
        if (!File.Exists(full) && !Directory.Exists(full))
        {
            Skip = $"{full} is absent";
        }
    }
}
