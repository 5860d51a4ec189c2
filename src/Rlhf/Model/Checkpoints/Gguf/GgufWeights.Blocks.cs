using System.Runtime.CompilerServices;
using System.Runtime.InteropServices;
using Rlhf.Compute.Operations;

namespace Rlhf.Model.Checkpoints.Gguf;

/// <summary>Matrices whose blocks are taken as they are.</summary>
internal sealed partial class GgufWeights
{
    private const int PartBytes = 1 << 20; // that are read at a time: whole rows, or whole heads
    private static readonly Half MostScale = (Half)(65504f / 8); // of Q4_0, whose minimum -8 d must be a half

    /// <summary>The storage that holds a matrix as the file has it, or null.</summary>
    public WeightStorage? BlocksIn(ParameterRange matrix)
    {
        var storages = PartsOf(matrix).Select(parameter => FormatOf(parameter)?.Storage()).Distinct().ToList();
        return storages.Count == 1 ? storages[0] : null;
    }

    /// <summary>Block formats of a matrix.</summary>
    public IEnumerable<string> RoundedIn(ParameterRange matrix) =>
        PartsOf(matrix).Select(parameter => _file.Tensors[_places[parameter.Name].Name].Type).Where(type => type.BlockLength() > 1).Select(type => $"{type}");

    /// <summary>Gives the blocks of a matrix, in our order of rows.</summary>
    /// <exception cref="InputException">The file cannot be read, or has a scale that is not finite.</exception>
    public void ReadBlocks(ParameterRange matrix, TakeBlocks take)
    {
        foreach (var parameter in PartsOf(matrix))
        {
            var place = _places[parameter.Name];
            var (tensor, format) = (_file.Tensors[place.Name], FormatOf(parameter)!.Value);
            using var handle = FileParts.Open(tensor.Path); // the parts of a matrix may stand in several files
            var (outputs, inputs) = ((int)tensor.Shape[0], (int)tensor.Shape[1]);
            var rowBytes = inputs / WeightBlocks.Length * format.Bytes();
            var unit = place.Order == GgufOrder.Neighbours ? _config.HeadWidth : 1;
            var rows = Math.Max(unit, PartBytes / rowBytes / unit * unit);
            var first = (int)((parameter.Offset - matrix.Offset) / inputs);
            var bytes = new byte[Math.Min(rows, outputs) * rowBytes];
            var ours = unit > 1 ? new byte[bytes.Length] : bytes;
            for (var row = 0; row < outputs; row += rows)
            {
                var count = Math.Min(rows, outputs - row);
                var part = bytes.AsSpan(0, count * rowBytes);
                FileParts.Read(tensor.Path, handle, tensor.Offset + ((long)row * rowBytes), part);
                CheckScales(tensor, format, part, (long)row * inputs);
                if (unit > 1)
                {
                    Part(part, ours, rowBytes, unit);
                }

                take(first + row, count, format, ours.AsSpan(0, part.Length));
            }
        }
    }

    private IEnumerable<Parameter> PartsOf(ParameterRange matrix) =>
        _layout.Parameters.Where(parameter => parameter.Offset >= matrix.Offset && parameter.Offset < matrix.Offset + matrix.Length);

    private BlockFormat? FormatOf(Parameter parameter) => _file.Tensors[_places[parameter.Name].Name].Type switch
    {
        GgufTensorType.Q4_0 => BlockFormat.Q4_0,
        GgufTensorType.Q4_1 => BlockFormat.Q4_1,
        GgufTensorType.Q8_0 => BlockFormat.Q8_0,
        _ => null,
    };

    // Row i D/2 + j of ours is row 2j + i of theirs.
    private static void Part(ReadOnlySpan<byte> theirs, Span<byte> ours, int rowBytes, int headWidth)
    {
        for (var row = 0; row < theirs.Length / rowBytes; row++)
        {
            var within = row % headWidth;
            var place = row - within + (within % 2 * headWidth / 2) + (within / 2);
            theirs.Slice(row * rowBytes, rowBytes).CopyTo(ours[(place * rowBytes)..]);
        }
    }

    private void CheckScales(GgufTensor tensor, BlockFormat format, ReadOnlySpan<byte> blocks, long first)
    {
        var most = format == BlockFormat.Q4_0 ? MostScale : Half.MaxValue;
        if (FirstBeyond(blocks, format.Bytes(), format == BlockFormat.Q4_1 ? 2 : 1, BitConverter.HalfToUInt16Bits(most)) is not { } bad)
        {
            return;
        }

        var isFinite = Half.IsFinite(MemoryMarshal.Read<Half>(blocks[(bad * format.Bytes())..])) && format == BlockFormat.Q4_0;
        throw _file.Refuse(tensor.Name, isFinite
            ? $"has a scale above {MostScale}, which is too large for 4-bit storage: use --storage f32"
            : FormattableString.Invariant($"has a number that is not finite (element {first + ((long)bad * WeightBlocks.Length)}): the model is broken, fetch it again"));
    }

    /// <summary>The first block with a scale or minimum whose size is above a half's.</summary>
    [MethodImpl(MethodImplOptions.AggressiveOptimization)] // called too seldom to be compiled anew before a model is loaded
    private static int? FirstBeyond(ReadOnlySpan<byte> blocks, int bytes, int halves, ushort most)
    {
        for (var at = 0; at < blocks.Length; at += bytes)
        {
            for (var i = 0; i < halves; i++)
            {
                var bits = blocks[at + (2 * i)] | ((blocks[at + (2 * i) + 1] & 0x7F) << 8);
                if (bits > most)
                {
                    return at / bytes;
                }
            }
        }

        return null;
    }
}
