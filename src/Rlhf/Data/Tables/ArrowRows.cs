using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Ipc;

namespace Rlhf.Data.Tables;

/// <summary>The rows of an Arrow file or stream, one record batch in memory at a time.</summary>
internal sealed class ArrowRows : IDisposable
{
    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly FileStream _file;
    private readonly ArrowStreamReader _reader;
    private readonly ArrayBufferWriter<byte> _row = new();
    private readonly Utf8JsonWriter _writer;
    private RecordBatch? _batch;
    private int _next;
    private long _written;

    private ArrowRows(string path)
    {
        _file = File.OpenRead(path);
        try
        {
            _file.Position = ArrowFrames.Check(_file);
            _reader = new ArrowStreamReader(_file, leaveOpen: true);
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        _writer = new Utf8JsonWriter(_row, Options);
    }

    /// <summary>The rows in order.</summary>
    /// <exception cref="InputException">The file is not sound.</exception>
    public static IEnumerable<JsonRow> Read(string path, string name)
    {
        using var rows = Sound(name, 0, () => new ArrowRows(path));
        for (var row = 1; Sound(name, row, rows.Next) is { } bytes; row++)
        {
            yield return new JsonRow(RowPosition.OfRow(name, row), 0, bytes);
        }
    }

    public void Dispose()
    {
        _batch?.Dispose();
        _reader.Dispose();
        _writer.Dispose();
        _file.Dispose();
    }

    private byte[]? Next()
    {
        while (_batch is null || _next >= _batch.Length)
        {
            _batch?.Dispose();
            _batch = _reader.ReadNextRecordBatch();
            _next = 0;
            if (_batch is null)
            {
                return null;
            }

            Require(_batch, _file.Length);
        }

        _row.ResetWrittenCount();
        _writer.Reset();
        _writer.WriteStartObject();
        for (var i = 0; i < _batch.ColumnCount; i++)
        {
            _writer.WritePropertyName(_batch.Schema.GetFieldByIndex(i).Name);
            ArrowValues.Write(_writer, _batch.Column(i), _next);
        }

        _writer.WriteEndObject();
        _writer.Flush();
        _next++;
        _written += _row.WrittenCount;
        return _written <= Limits.BlankBytes + (_file.Length * Limits.TableRatio)
            ? _row.WrittenSpan.ToArray()
            : throw new InvalidDataException($"the file unpacks to more than {Limits.TableRatio} times its size, which no sound data does");
    }

    private static void Require(RecordBatch batch, long bytes)
    {
        if (batch.ColumnCount is 0 or > Limits.TableColumns)
        {
            throw new InvalidDataException("it has no columns or too many");
        }

        if (batch.Length > Limits.TableRows + (8 * bytes))
        {
            throw new InvalidDataException($"a batch says that it has {batch.Length} rows in {bytes} bytes");
        }

        if (batch.Arrays.Any(array => array.Length < batch.Length))
        {
            throw new InvalidDataException("a column is shorter than its batch");
        }
    }

    private static T Sound<T>(string name, int row, Func<T> read)
    {
        try
        {
            return read();
        }
        catch (Exception e) when (e is not (InputException or OutOfMemoryException))
        {
            var where = row > 0 ? RowPosition.OfRow(name, row).ToString() : name;
            var what = e.ToString().Contains("ompression", StringComparison.Ordinal)
                ? "an Arrow file whose buffers are packed, which is not read: write it without compression, or as Parquet"
                : "not a sound Arrow file: " + (e is InvalidDataException ? e.Message : "its parts do not fit together");
            throw new InputException($"{where}: {what}", e);
        }
    }
}
