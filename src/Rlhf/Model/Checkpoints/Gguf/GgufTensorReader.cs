using Microsoft.Win32.SafeHandles;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Reads the numbers of a model's tensors. Its files are opened when they are needed; one part of memory serves all of them.</summary>
internal sealed class GgufTensorReader(GgufFile file) : IDisposable
{
    private readonly Dictionary<string, SafeFileHandle> _handles = new(StringComparer.Ordinal);
    private byte[] _bytes = [];

    /// <summary>Reads a part of a tensor as float32.</summary>
    /// <param name="tensor">The tensor.</param>
    /// <param name="first">The first number, at the beginning of a block.</param>
    /// <param name="destination">Whole blocks.</param>
    /// <exception cref="InputException">The file cannot be read, or has a number that is not finite.</exception>
    public void Read(GgufTensor tensor, long first, Span<float> destination)
    {
        var (blockLength, blockBytes) = (tensor.Type.BlockLength(), tensor.Type.BlockBytes());
        ArgumentOutOfRangeException.ThrowIfNotEqual((first % blockLength) + (destination.Length % blockLength), 0);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(first, tensor.Length - destination.Length);
        if (!_handles.TryGetValue(tensor.Path, out var handle))
        {
            _handles[tensor.Path] = handle = FileParts.Open(tensor.Path);
        }

        for (var done = 0; done < destination.Length; done += GgufNumbers.Chunk)
        {
            var values = destination.Slice(done, Math.Min(GgufNumbers.Chunk, destination.Length - done));
            var length = values.Length / blockLength * blockBytes;
            if (_bytes.Length < length)
            {
                _bytes = new byte[length];
            }

            var blocks = _bytes.AsSpan(0, length);
            FileParts.Read(tensor.Path, handle, tensor.Offset + ((first + done) / blockLength * blockBytes), blocks);
            GgufBlocks.Decode(tensor.Type, blocks, values);
            if (GgufNumbers.FirstNotFinite(values) is { } bad)
            {
                throw file.Refuse(
                    tensor.Name, FormattableString.Invariant($"has a number that is not finite (element {first + done + bad}): the model is broken, fetch it again"));
            }
        }
    }

    /// <inheritdoc/>
    public void Dispose()
    {
        foreach (var handle in _handles.Values)
        {
            handle.Dispose();
        }
    }
}
