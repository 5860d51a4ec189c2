namespace Rlhf.Data.Tables.Parquet;

/// <summary>Parquet's runs: small numbers as repetitions or packed bits. Holds nothing but its place, however many numbers a run has.</summary>
/// <param name="data">The runs.</param>
/// <param name="bits">Bits of a number, 0 to 32.</param>
internal sealed class RunReader(ReadOnlyMemory<byte> data, int bits)
{
    private int _at;
    private long _left;
    private bool _isPacked;
    private uint _value;
    private long _bit;

    /// <summary>The next number.</summary>
    public int Next()
    {
        if (bits == 0)
        {
            return 0;
        }

        while (_left == 0)
        {
            Begin();
        }

        _left--;
        if (_isPacked)
        {
            _value = Bits.At(data.Span, _bit, bits);
            _bit += bits;
        }

        return (int)_value;
    }

    private void Begin()
    {
        var header = Bits.Number(data.Span, ref _at);
        _isPacked = (header & 1) == 1;
        if (_isPacked)
        {
            var groups = (long)(header >> 1);
            _left = groups * 8;
            _bit = _at * 8L;

            // The last group may be cut off behind the last number that counts.
            _at = (int)Math.Min(data.Length, _at + (groups * bits));
            return;
        }

        _left = (long)(header >> 1);
        var bytes = (bits + 7) / 8;
        _value = 0;
        for (var i = 0; i < bytes; i++)
        {
            _value |= (uint)data.Span[_at++] << (8 * i);
        }
    }
}

/// <summary>Numbers in bits and in bytes of seven bits.</summary>
internal static class Bits
{
    /// <summary>The bits of a number that begins at a bit, lowest first.</summary>
    public static uint At(ReadOnlySpan<byte> data, long bit, int count)
    {
        ulong value = 0;
        var first = (int)(bit / 8);
        var last = (int)((bit + count - 1) / 8);
        for (var i = last; i >= first; i--)
        {
            value = (value << 8) | data[i];
        }

        return (uint)((value >> (int)(bit % 8)) & ((1UL << count) - 1));
    }

    /// <summary>The same of up to 64 bits.</summary>
    public static ulong WideAt(ReadOnlySpan<byte> data, long bit, int count) => count <= 32
        ? At(data, bit, count)
        : At(data, bit, 32) | ((ulong)At(data, bit + 32, count - 32) << 32);

    /// <summary>A number in bytes of seven bits, lowest first.</summary>
    public static ulong Number(ReadOnlySpan<byte> data, ref int at)
    {
        ulong value = 0;
        for (var shift = 0; shift < 64; shift += 7)
        {
            var next = data[at++];
            value |= (ulong)(next & 0x7F) << shift;
            if (next < 0x80)
            {
                return value;
            }
        }

        throw new InvalidDataException("a number has too many bytes");
    }
}
