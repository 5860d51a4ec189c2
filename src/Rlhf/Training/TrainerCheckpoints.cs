using System.Globalization;
using System.Text.Json;
using Rlhf.Model.Checkpoints;
using Rlhf.Numerics;

namespace Rlhf.Training;

/// <summary>
/// The checkpoints of one trainer: <c>step-000120/</c> holds each named buffer as a safetensors file and the scalars in <c>state.json</c>. A checkpoint is there
/// whole or not at all; older ones than the last few are deleted. Two writes of the same state give the same bytes.
/// </summary>
public sealed class TrainerCheckpoints
{
    private const string Prefix = "step-";
    private const string StateFile = "state.json";
    private const string TensorName = "values";
    private const int ChunkFloats = 1 << 20;

    private static readonly JsonSerializerOptions Json = new() { WriteIndented = true, NewLine = "\n" };

    private readonly string folder;
    private readonly int keep;

    /// <summary>Checkpoints below <paramref name="folder"/>, of which the last <paramref name="keep"/> stay.</summary>
    public TrainerCheckpoints(string folder, int keep)
    {
        this.folder = folder;
        this.keep = keep;
    }

    /// <summary>The step of the last whole checkpoint; null if there is none.</summary>
    public long? LatestStep => Steps() is [.., var last] ? last : null;

    /// <summary>Writes a checkpoint and deletes the ones that are too many.</summary>
    /// <exception cref="RunFailedException">The disk refuses.</exception>
    public void Write(long step, TrainerState state)
    {
        Directory.CreateDirectory(folder);
        DurableFiles.ReplaceFolderAtomically(PathOf(step), path => Fill(path, step, state));
        foreach (var old in Steps().SkipLast(keep))
        {
            Directory.Delete(PathOf(old), recursive: true);
        }
    }

    /// <summary>Fills the buffers and scalars of <paramref name="state"/> from the last whole checkpoint; null if there is none, else its step.</summary>
    /// <exception cref="InputException">The checkpoint is damaged or belongs to another trainer.</exception>
    public long? RestoreLatest(TrainerState state)
    {
        RemoveIncomplete();
        if (LatestStep is not { } step)
        {
            return null;
        }

        var path = PathOf(step);
        foreach (var (name, buffer) in state.Buffers)
        {
            ReadBuffer(Path.Combine(path, FileOf(name)), buffer, state.Device);
        }

        state.Numbers.Clear();
        foreach (var (name, value) in ReadNumbers(Path.Combine(path, StateFile)))
        {
            state.Numbers[name] = value;
        }

        return step;
    }

    private static void Fill(string path, long step, TrainerState state)
    {
        foreach (var (name, buffer) in state.Buffers)
        {
            WriteBuffer(Path.Combine(path, FileOf(name)), buffer, state.Device);
        }

        var numbers = new SortedDictionary<string, double>(state.Numbers, StringComparer.Ordinal);
        File.WriteAllText(Path.Combine(path, StateFile), JsonSerializer.Serialize(new StoredState(step, numbers), Json));
    }

    private static void WriteBuffer(string path, FloatBuffer buffer, IDevice device)
    {
        void Read(long first, Span<float> destination) => device.CopyOut(buffer.Slice(first, destination.Length), destination);
        using var stream = new FileStream(path, FileMode.Create, FileAccess.Write);
        SafetensorsWriter.Write(stream, [new TensorToWrite(TensorName, ShapeOf(buffer.Length), TensorType.F32, Read)]);
    }

    // A dimension is an int; a longer buffer has several rows.
    private static int[] ShapeOf(long length)
    {
        var rows = 1;
        while (length / rows > int.MaxValue || length % rows != 0)
        {
            rows++;
        }

        return rows == 1 ? [(int)length] : [rows, (int)(length / rows)];
    }

    private static void ReadBuffer(string path, FloatBuffer buffer, IDevice device)
    {
        using var file = SafetensorsFile.Open(path);
        var length = file.Tensors.TryGetValue(TensorName, out var tensor) ? tensor.Length : -1;
        if (length != buffer.Length)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture,
                $"{path}: the checkpoint has {length} numbers where this run has {buffer.Length}; it is damaged or from another run. Delete its folder to go on from the one before."));
        }

        var chunk = new float[Math.Min(ChunkFloats, buffer.Length)];
        for (long first = 0; first < buffer.Length; first += ChunkFloats)
        {
            var part = chunk.AsSpan(0, (int)Math.Min(ChunkFloats, buffer.Length - first));
            file.ReadFloats(TensorName, first, part);
            device.CopyIn(part, buffer.Slice(first, part.Length));
        }
    }

    private static IDictionary<string, double> ReadNumbers(string path)
    {
        try
        {
            return JsonSerializer.Deserialize<StoredState>(File.ReadAllText(path), Json)?.Numbers ?? throw new JsonException("expected an object");
        }
        catch (Exception exception) when (exception is JsonException or IOException)
        {
            throw new InputException($"{path}: the checkpoint is damaged ({exception.Message}). Delete its folder to go on from the one before.", exception);
        }
    }

    private static string FileOf(string name) => $"{name}.safetensors";

    private string PathOf(long step) => Path.Combine(folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:000000}"));

    private List<long> Steps() => !Directory.Exists(folder) ? [] :
    [
        .. Directory.GetDirectories(folder)
            .Where(path => File.Exists(Path.Combine(path, StateFile)))
            .Select(path => StepOf(Path.GetFileName(path)))
            .OfType<long>()
            .Order(),
    ];

    private static long? StepOf(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal) && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step) ? step : null;

    // What a death left behind: folders under their temporary names.
    private void RemoveIncomplete()
    {
        foreach (var path in Directory.Exists(folder) ? Directory.GetDirectories(folder) : [])
        {
            if (StepOf(Path.GetFileName(path)) is null)
            {
                Directory.Delete(path, recursive: true);
            }
        }
    }

    private sealed record StoredState(long Step, IDictionary<string, double> Numbers);
}
