using System.Globalization;
using System.Text.Json;
using System.Text.Json.Serialization;
using Rlhf.Compute.Operations;
using Rlhf.Model.Checkpoints;

namespace Rlhf.Training;

/// <summary>
/// The checkpoints of one trainer: <c>step-000120/</c> holds each named buffer as a safetensors file and in <c>state.json</c> the scalars with the length and
/// CRC-32C of every buffer's file, and
/// its own. A checkpoint is there whole or not at all; one that was damaged later is noticed, and the one before it is taken. Older ones than the last few are
/// deleted. Two writes of the
/// same state give the same bytes.
/// </summary>
public sealed class TrainerCheckpoints
{
    /// <summary>The fewest that stay: one to go on from when the newest is damaged.</summary>
    public const int FewestKept = 2;

    private const string Prefix = "step-";
    private const string StateFile = "state.json";
    private const string TensorName = "values";
    private const int ChunkFloats = 1 << 20;

    private static readonly JsonSerializerOptions Json = new()
    {
        WriteIndented = true,
        NewLine = "\n",
        UnmappedMemberHandling = JsonUnmappedMemberHandling.Disallow,
        RespectNullableAnnotations = true,
        RespectRequiredConstructorParameters = true,
    };

    private readonly string _folder;
    private readonly int _keep;

    /// <summary>Checkpoints below <paramref name="folder"/>, of which the last <paramref name="keep"/> stay.</summary>
    public TrainerCheckpoints(string folder, int keep)
    {
        _folder = folder;
        _keep = keep;
    }

    /// <summary>Whether there is a checkpoint, good or damaged.</summary>
    public bool HasAny => Steps().Count > 0;

    /// <summary>Writes a checkpoint and deletes the ones that are too many.</summary>
    /// <exception cref="RunFailedException">The disk refuses; the checkpoints before it are as they were.</exception>
    public void Write(long step, TrainerState state)
    {
        try
        {
            Directory.CreateDirectory(_folder);
            DurableFiles.ReplaceFolderAtomically(PathOf(step), path => Fill(path, step, state));
            foreach (var old in Steps().SkipLast(_keep))
            {
                Directory.Delete(PathOf(old), recursive: true);
            }
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unwritable(_folder, exception);
        }
    }

    /// <summary>
    /// Fills the buffers and scalars of <paramref name="state"/> from the last good checkpoint; null if there is none, else its step. Damaged ones after it are
    /// deleted.
    /// </summary>
    /// <param name="state">What is wanted: its buffers by name and length, and the names of numbers that must be there.</param>
    /// <param name="tell">Hears of every damaged checkpoint, and what is wrong with it.</param>
    /// <exception cref="InputException">The checkpoint belongs to another trainer, or cannot be read.</exception>
    public long? RestoreLatest(TrainerState state, Action<string> tell)
    {
        try
        {
            RemoveIncomplete();
            foreach (var step in Steps().Order().Reverse())
            {
                if (TryOpen(PathOf(step), step, out var stored, out var damage))
                {
                    Restore(PathOf(step), stored, state);
                    return step;
                }

                tell(string.Create(CultureInfo.InvariantCulture, $"the checkpoint of step {step} is damaged and not used: {damage}"));
                Directory.Delete(PathOf(step), recursive: true);
            }

            return null;
        }
        catch (Exception exception) when (FileFailure.Is(exception))
        {
            throw FileFailure.Unreadable(_folder, exception);
        }
    }

    private static void Fill(string path, long step, TrainerState state)
    {
        var files = new SortedDictionary<string, StoredFile>(StringComparer.Ordinal);
        foreach (var (name, buffer) in state.Buffers)
        {
            files[FileOf(name)] = WriteBuffer(Path.Combine(path, FileOf(name)), buffer, state.Device);
        }

        var numbers = new SortedDictionary<string, double>(state.Numbers, StringComparer.Ordinal);
        File.WriteAllBytes(Path.Combine(path, StateFile), CheckedJson.ToBytes(new StoredState(step, numbers, files), Json));
    }

    private static StoredFile WriteBuffer(string path, FloatBuffer buffer, IDevice device)
    {
        void Read(long first, Span<float> destination) => device.CopyOut(buffer.Slice(first, destination.Length), destination);
        using var stream = new ChecksumStream(new FileStream(path, FileMode.Create, FileAccess.Write));
        SafetensorsWriter.Write(stream, [new TensorToWrite(TensorName, ShapeOf(buffer.Length), TensorType.F32, Read)]);
        return new StoredFile(stream.Length, Crc32C.ToText(stream.Checksum));
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

    /// <summary>Reads the state and compares every file with it; false, and what is wrong, if a byte is not what was written.</summary>
    private static bool TryOpen(string path, long step, out StoredState stored, out string damage)
    {
        (stored, damage) = (new StoredState(0, new Dictionary<string, double>(), new Dictionary<string, StoredFile>()), "");
        try
        {
            stored = CheckedJson.Read<StoredState>(Path.Combine(path, StateFile), Json);
        }
        catch (InputException exception)
        {
            damage = FailureText.Of(exception);
            return false;
        }

        damage = stored.Step != step
            ? string.Create(CultureInfo.InvariantCulture, $"{Path.Combine(path, StateFile)} is that of step {stored.Step}")
            : stored.Files.Select(file => DamageOf(Path.Combine(path, file.Key), file.Value)).FirstOrDefault(found => found is not null) ?? "";
        return damage.Length == 0;
    }

    private static string? DamageOf(string path, StoredFile expected)
    {
        if (!File.Exists(path))
        {
            return $"{path} is missing";
        }

        var length = new FileInfo(path).Length;
        return length != expected.Bytes
            ? string.Create(CultureInfo.InvariantCulture, $"{path} has {length} bytes instead of {expected.Bytes}")
            : Crc32C.ToText(Crc32C.OfFile(path)) is var checksum && checksum != expected.Crc32C
                ? $"{path} has the checksum {checksum} instead of {expected.Crc32C}"
                : null;
    }

    private static void Restore(string path, StoredState stored, TrainerState state)
    {
        foreach (var (name, buffer) in state.Buffers)
        {
            ReadBuffer(Path.Combine(path, FileOf(name)), buffer, state.Device);
        }

        if (state.Numbers.Keys.FirstOrDefault(name => !stored.Numbers.ContainsKey(name)) is { } missing)
        {
            throw new InputException(
                $"{Path.Combine(path, StateFile)} has no {missing}: it is from another version of the program. Delete {Path.GetDirectoryName(path)} to begin the stage again.");
        }

        state.Numbers.Clear();
        foreach (var (name, value) in stored.Numbers)
        {
            state.Numbers[name] = value;
        }
    }

    private static void ReadBuffer(string path, FloatBuffer buffer, IDevice device)
    {
        using var file = SafetensorsFile.Open(path);
        var length = file.Tensors.TryGetValue(TensorName, out var tensor) ? tensor.Length : -1;
        if (length != buffer.Length)
        {
            throw new InputException(string.Create(CultureInfo.InvariantCulture,
                $"{path}: the checkpoint has {length} numbers where this run has {buffer.Length}: it is from another run. Delete {Path.GetDirectoryName(Path.GetDirectoryName(path))} to begin the stage again."));
        }

        var chunk = new float[Math.Min(ChunkFloats, buffer.Length)];
        for (long first = 0; first < buffer.Length; first += ChunkFloats)
        {
            var part = chunk.AsSpan(0, (int)Math.Min(ChunkFloats, buffer.Length - first));
            file.ReadFloats(TensorName, first, part);
            device.CopyIn(part, buffer.Slice(first, part.Length));
        }
    }

    private static string FileOf(string name) => $"{name}.safetensors";

    private string PathOf(long step) => Path.Combine(_folder, string.Create(CultureInfo.InvariantCulture, $"{Prefix}{step:000000}"));

    private List<long> Steps() => !Directory.Exists(_folder) ? [] :
    [
        .. Directory.GetDirectories(_folder)
            .Select(path => StepOf(Path.GetFileName(path)))
            .OfType<long>()
            .Order(),
    ];

    // A name that would not be written is none of ours.
    private long? StepOf(string name) =>
        name.StartsWith(Prefix, StringComparison.Ordinal)
            && long.TryParse(name.AsSpan(Prefix.Length), NumberStyles.None, CultureInfo.InvariantCulture, out var step)
            && Path.GetFileName(PathOf(step)) == name ? step : null;

    // What a death left behind: folders under their temporary names.
    private void RemoveIncomplete()
    {
        foreach (var path in Directory.Exists(_folder) ? Directory.GetDirectories(_folder) : [])
        {
            if (StepOf(Path.GetFileName(path)) is null)
            {
                Directory.Delete(path, recursive: true);
            }
        }
    }

    private sealed record StoredFile(long Bytes, string Crc32C);

    private sealed record StoredState(long Step, IDictionary<string, double> Numbers, IDictionary<string, StoredFile> Files);
}
