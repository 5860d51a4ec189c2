namespace Rlhf.Tests.Model.Checkpoints;

/// <summary>A folder for one test, removed at its end.</summary>
internal sealed class TemporaryFolder : IDisposable
{
    public string Path { get; } = Directory.CreateTempSubdirectory("rlhf-checkpoints-").FullName;

    public string PathOf(params string[] parts) => System.IO.Path.Combine([Path, .. parts]);

    /// <summary>Copies the top-level files of a model folder, so that a test can break them.</summary>
    public string CopyOf(string folder)
    {
        var copy = PathOf(Guid.NewGuid().ToString("N"));
        Directory.CreateDirectory(copy);
        foreach (var name in new[] { "config.json", "model.safetensors" })
            File.WriteAllBytes(System.IO.Path.Combine(copy, name), File.ReadAllBytes(System.IO.Path.Combine(folder, name)));
        return copy;
    }

    public void Dispose() => Directory.Delete(Path, recursive: true);
}
