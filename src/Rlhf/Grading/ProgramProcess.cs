using System.ComponentModel;
using System.Diagnostics;
using System.Text;
using System.Threading.Channels;
using Rlhf.Reports;

namespace Rlhf.Grading;

/// <summary>A running program: lines go in, lines come out, and however much it writes, little of it is in memory.</summary>
internal sealed class ProgramProcess : IDisposable
{
    private const int LinesWaiting = 256;
    private static readonly TimeSpan Grace = TimeSpan.FromSeconds(1);
    private static readonly TimeSpan LongGrace = TimeSpan.FromSeconds(10);

    private readonly Process _process;
    private readonly CancellationTokenSource _ended = new();
    private readonly Channel<ReadOnlyMemory<byte>> _lines = Channel.CreateBounded<ReadOnlyMemory<byte>>(LinesWaiting);
    private readonly StringBuilder _errors = new();
    private readonly Task _reading;
    private readonly Task _listening;
    private Task _writing = Task.CompletedTask;

    private ProgramProcess(Process process)
    {
        _process = process;
        _reading = Task.Run(ReadLines);
        _listening = Task.Run(ReadErrors);
    }

    /// <summary>Starts a program as it is, without a shell.</summary>
    /// <exception cref="InputException">It cannot be started.</exception>
    public static ProgramProcess Start(IReadOnlyList<string> command, string? folder, string key)
    {
        var start = new ProcessStartInfo
        {
            FileName = folder is not null && command[0].Contains('/', StringComparison.Ordinal) ? Path.GetFullPath(command[0], folder) : command[0],
            WorkingDirectory = folder ?? "",
            UseShellExecute = false,
            RedirectStandardInput = true,
            RedirectStandardOutput = true,
            RedirectStandardError = true,
        };
        foreach (var argument in command.Skip(1))
        {
            start.ArgumentList.Add(argument);
        }

        try
        {
            return new ProgramProcess(Process.Start(start) ?? throw new InputException($"{key}: {command[0]} cannot be started"));
        }
        catch (Exception exception) when (exception is Win32Exception or FileNotFoundException or DirectoryNotFoundException)
        {
            throw new InputException($"{key}: {command[0]} cannot be started: {FailureText.Of(exception)}", exception);
        }
    }

    /// <summary>Sends bytes while what comes back is read: a program that answers line by line would else wait for us, and we for it.</summary>
    public void Send(byte[] bytes)
    {
        var before = _writing;
        _writing = Task.Run(async () =>
        {
            try
            {
                await before.ConfigureAwait(false);
                await _process.StandardInput.BaseStream.WriteAsync(bytes, _ended.Token).ConfigureAwait(false);
                await _process.StandardInput.BaseStream.FlushAsync(_ended.Token).ConfigureAwait(false);
            }
            catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
            {
                // It has ended; that is told where its output ends.
            }
        });
    }

    /// <summary>Its next line, of which one byte more than are allowed at most; null where its output ends.</summary>
    /// <exception cref="OperationCanceledException">The time is over.</exception>
    public ReadOnlyMemory<byte>? NextLine(CancellationToken cancellation)
    {
        while (_lines.Reader.WaitToReadAsync(cancellation).AsTask().GetAwaiter().GetResult())
        {
            if (_lines.Reader.TryRead(out var line))
            {
                return line;
            }
        }

        return null;
    }

    /// <summary>How it ended, after its output did.</summary>
    public string WaitForEnd()
    {
        if (!_process.WaitForExit(LongGrace))
        {
            return "its output is closed, and it runs on";
        }

        _listening.Wait(LongGrace); // for its last words
        return FormattableString.Invariant($"exit code {_process.ExitCode}");
    }

    /// <summary>What it wrote last on its standard error, for a message; empty where it wrote nothing.</summary>
    public string ErrorText()
    {
        _listening.Wait(Grace / 4); // what it has just written may be on its way
        lock (_errors)
        {
            var text = VisibleText.Plain(_errors.ToString().Trim());
            return text.Length == 0 ? "" : $"; its standard error says: {text}";
        }
    }

    /// <summary>Ends it, and whatever it has started.</summary>
    public void Dispose()
    {
        _ended.Cancel();
        try
        {
            _process.StandardInput.Close();
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or InvalidOperationException)
        {
            // It is gone already, or was in the middle of being written to.
        }

        try
        {
            if (!_process.HasExited)
            {
                _process.Kill(entireProcessTree: true);
            }

            _process.WaitForExit(Grace);
        }
        catch (Exception exception) when (exception is InvalidOperationException or Win32Exception or AggregateException)
        {
            // It ended by itself meanwhile.
        }

        Task.WaitAll([_writing, _reading, _listening], Grace);
        _process.Dispose();
        _ended.Dispose();
    }

    private async Task ReadLines()
    {
        try
        {
            var stream = _process.StandardOutput.BaseStream;
            var buffer = new byte[16 * 1024];
            using var line = new MemoryStream();
            int read;
            while ((read = await stream.ReadAsync(buffer, _ended.Token).ConfigureAwait(false)) > 0)
            {
                var rest = buffer.AsMemory(0, read);
                for (int end; (end = rest.Span.IndexOf((byte)'\n')) >= 0; rest = rest[(end + 1)..])
                {
                    Keep(line, rest.Span[..end]);
                    await Hand(line).ConfigureAwait(false);
                }

                Keep(line, rest.Span);
                if (line.Length > Limits.ProgramLine)
                {
                    break; // it may never end
                }
            }

            await Hand(line).ConfigureAwait(false);
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // Its output has ended.
        }
        finally
        {
            _lines.Writer.TryComplete();
        }
    }

    // One byte more than a line may have tells that it is too long; the rest of it is thrown away.
    private static void Keep(MemoryStream line, ReadOnlySpan<byte> bytes) =>
        line.Write(bytes[..(int)Math.Min(bytes.Length, Limits.ProgramLine + 1 - line.Length)]);

    private async Task Hand(MemoryStream line)
    {
        var bytes = line.ToArray();
        line.SetLength(0);
        if (bytes.AsSpan().Trim(" \t\r"u8).Length > 0)
        {
            await _lines.Writer.WriteAsync(bytes, _ended.Token).ConfigureAwait(false);
        }
    }

    private async Task ReadErrors()
    {
        try
        {
            var buffer = new char[4096];
            int read;
            while ((read = await _process.StandardError.ReadAsync(buffer, _ended.Token).ConfigureAwait(false)) > 0)
            {
                lock (_errors)
                {
                    _errors.Append(buffer, 0, read);
                    _errors.Remove(0, Math.Max(0, _errors.Length - Limits.ProgramErrors));
                }
            }
        }
        catch (Exception exception) when (exception is IOException or ObjectDisposedException or OperationCanceledException)
        {
            // It says no more.
        }
    }
}
