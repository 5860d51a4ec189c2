namespace Rlhf.Core;

/// <summary>Hands what is written on to another stream, and sums it up: a checksum of what was meant, whatever the disk keeps.</summary>
/// <param name="inner">Where the bytes go; disposed with this stream.</param>
internal sealed class ChecksumStream(Stream inner) : Stream
{
    private long _length;

    /// <summary>CRC-32C of all that was written.</summary>
    public uint Checksum { get; private set; }

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => _length;

    public override long Position
    {
        get => _length;
        set => throw new NotSupportedException();
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        inner.Write(buffer);
        Checksum = Crc32C.Compute(buffer, Checksum);
        _length += buffer.Length;
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush() => inner.Flush();

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    protected override void Dispose(bool disposing)
    {
        if (disposing)
        {
            inner.Dispose();
        }

        base.Dispose(disposing);
    }
}
