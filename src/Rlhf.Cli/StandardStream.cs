using System.Runtime.InteropServices;
using System.Text;

namespace Rlhf.Cli;

/// <summary>Nobody reads standard output any more: the reader of a pipe has ended. Other programs die of it without a word.</summary>
internal sealed class OutputClosedException : Exception;

/// <summary>
/// Standard output or standard error. The console's own streams take a closed pipe for success, so that a command would go on for hours for nobody, and throw
/// from every message
/// where nothing can be written.
/// </summary>
internal sealed partial class StandardStream : Stream
{
    private const int Interrupted = 4;
    private const int TryAgain = 11;
    private const int TryAgainOnMac = 35;
    private const int BrokenPipe = 32;

    private readonly int _descriptor;
    private readonly bool _mustArrive;

    private StandardStream(int descriptor, bool mustArrive) => (_descriptor, _mustArrive) = (descriptor, mustArrive);

    public override bool CanRead => false;

    public override bool CanSeek => false;

    public override bool CanWrite => true;

    public override long Length => throw new NotSupportedException();

    public override long Position
    {
        get => throw new NotSupportedException();
        set => throw new NotSupportedException();
    }

    /// <summary>Puts both streams in the console's place. What cannot be told to a person is lost without a further word; results are not.</summary>
    public static void Install()
    {
        if (OperatingSystem.IsWindows())
        {
            return;
        }

        Console.SetOut(Writer(new StandardStream(1, mustArrive: true)));
        Console.SetError(Writer(new StandardStream(2, mustArrive: false)));
    }

    public override void Write(ReadOnlySpan<byte> buffer)
    {
        while (buffer.Length > 0)
        {
            var written = Write(_descriptor, buffer, buffer.Length);
            if (written >= 0)
            {
                buffer = buffer[(int)written..];
                continue;
            }

            switch (Marshal.GetLastPInvokeError())
            {
                case Interrupted:
                    break;
                case TryAgain or TryAgainOnMac:
                    Thread.Sleep(1);
                    break;
                case BrokenPipe when _mustArrive:
                    throw new OutputClosedException();
                case var error when _mustArrive:
                    throw FileFailure.Unwritable("results are not complete: standard output", new IOException(Marshal.GetPInvokeErrorMessage(error), error));
                default:
                    return;
            }
        }
    }

    public override void Write(byte[] buffer, int offset, int count) => Write(buffer.AsSpan(offset, count));

    public override void Flush()
    {
    }

    public override int Read(byte[] buffer, int offset, int count) => throw new NotSupportedException();

    public override long Seek(long offset, SeekOrigin origin) => throw new NotSupportedException();

    public override void SetLength(long value) => throw new NotSupportedException();

    private static StreamWriter Writer(StandardStream stream) => new(stream, new UTF8Encoding(encoderShouldEmitUTF8Identifier: false)) { AutoFlush = true };

    [LibraryImport("libc", EntryPoint = "write", SetLastError = true)]
    private static partial nint Write(int descriptor, ReadOnlySpan<byte> buffer, nint count);
}
