using System.Buffers;
using System.Text.Encodings.Web;
using System.Text.Json;
using Microsoft.Win32.SafeHandles;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>
/// The rows of a Parquet file as JSON, one by one. Of each column one page is in memory, so row groups may be as large as they like. Offsets, lengths and
/// counts are compared with the file before they are believed.
/// </summary>
internal sealed class ParquetFile : IDisposable
{
    private const int MarkBytes = 4;
    private const int EndBytes = 8;

    private static readonly JsonWriterOptions Options = new() { Encoder = JavaScriptEncoder.UnsafeRelaxedJsonEscaping, SkipValidation = true };

    private readonly SafeFileHandle _file;
    private readonly long _length;
    private readonly ParquetMetadata _metadata;
    private readonly ArrayBufferWriter<byte> _row = new();
    private readonly Utf8JsonWriter _writer;
    private ColumnReader[] _columns = [];
    private int _group = -1;
    private long _rowsLeft;
    private long _written;

    /// <exception cref="InvalidDataException">It is no sound Parquet file.</exception>
    public ParquetFile(string path)
    {
        _file = File.OpenHandle(path);
        try
        {
            _length = RandomAccess.GetLength(_file);
            _metadata = ParquetMetadata.Read(ReadFooter());
        }
        catch
        {
            _file.Dispose();
            throw;
        }

        _writer = new Utf8JsonWriter(_row, Options);
    }

    /// <summary>The next row as a JSON object; null at the end.</summary>
    public byte[]? Next()
    {
        while (_rowsLeft == 0)
        {
            RequireEnd();
            if (++_group == _metadata.Groups.Count)
            {
                return null;
            }

            Begin(_metadata.Groups[_group]);
        }

        _rowsLeft--;
        _row.ResetWrittenCount();
        _writer.Reset();
        WriteStruct(_metadata.Root);
        _writer.Flush();
        _written += _row.WrittenCount;
        return _written <= Limits.BlankBytes + (_length * Limits.TableRatio)
            ? _row.WrittenSpan.ToArray()
            : throw new InvalidDataException($"the file unpacks to more than {Limits.TableRatio} times its size, which no sound data does");
    }

    public void Dispose()
    {
        _writer.Dispose();
        _file.Dispose();
    }

    private byte[] ReadFooter()
    {
        var end = _length >= MarkBytes + EndBytes ? Read(_length - EndBytes, EndBytes) : throw new InvalidDataException("the file is too short");
        if (end.AsSpan(MarkBytes).SequenceEqual("PARE"u8))
        {
            throw new InvalidDataException("the file is encrypted");
        }

        if (!end.AsSpan(MarkBytes).SequenceEqual("PAR1"u8))
        {
            throw new InvalidDataException("the end of the file is missing: it does not end with PAR1");
        }

        var footer = BitConverter.ToUInt32(end);
        return footer <= Limits.TableFooterBytes && footer <= _length - MarkBytes - EndBytes
            ? Read(_length - EndBytes - footer, (int)footer)
            : throw new InvalidDataException($"the footer says that it has {footer} bytes, of the file's {_length}{(footer <= _length ? $", and at most {Limits.TableFooterBytes} are read" : "")}");
    }

    private byte[] Read(long from, int length)
    {
        var bytes = new byte[length];
        for (var read = 0; read < length;)
        {
            var got = RandomAccess.Read(_file, bytes.AsSpan(read), from + read);
            read += got > 0 ? got : throw new InvalidDataException("the file ends too early");
        }

        return bytes;
    }

    private void Begin(RowGroup group)
    {
        ParquetNode[] leaves = [.. _metadata.Root.Leaves];
        if (group.Columns.Count != leaves.Length || group.Rows < 0)
        {
            throw new InvalidDataException("a row group has other columns than the schema");
        }

        // Runs may stand for any number of values; rows of nothing but runs are no data.
        var bytes = group.Columns.Sum(column => Math.Max(0, Math.Min(column.Length, _length)));
        if (group.Rows > Limits.TableRows + (bytes * Limits.TableRatio))
        {
            throw new InvalidDataException($"a row group says that it has {group.Rows} rows in {bytes} bytes");
        }

        _columns = [.. leaves.Select((leaf, i) => new ColumnReader(_file, leaf, group.Columns[i], _length))];
        _rowsLeft = group.Rows;
    }

    private void RequireEnd()
    {
        if (_columns.Any(column => column.Peek()))
        {
            throw new InvalidDataException("a row group has more values than rows");
        }
    }

    private void WriteStruct(ParquetNode node)
    {
        _writer.WriteStartObject();
        foreach (var child in node.Children)
        {
            _writer.WritePropertyName(child.Name);
            WriteField(child);
        }

        _writer.WriteEndObject();
    }

    private void WriteField(ParquetNode node)
    {
        if (node.IsRepeated)
        {
            WriteItems(node, WriteValue);
        }
        else if (node.IsOptional && FirstOf(node).Definition < node.Definition)
        {
            Skip(node);
            _writer.WriteNullValue();
        }
        else
        {
            WriteValue(node);
        }
    }

    private void WriteValue(ParquetNode node)
    {
        if (node.Type is not null)
        {
            FirstOf(node);
            ParquetValues.Write(_writer, node, _columns[node.Column].Take().Span);
            if (_row.WrittenCount + _writer.BytesPending > Limits.RowBytes)
            {
                throw new InvalidDataException($"expected a row of at most {Limits.RowBytes} bytes, found a longer one");
            }
        }
        else if (node.Meaning == Meaning.List)
        {
            var repeated = node.Children[0];
            var bare = node.HasBareItems;
            WriteItems(repeated, item =>
            {
                if (bare)
                {
                    WriteValue(item);
                }
                else
                {
                    WriteField(item.Children[0]);
                }
            });
        }
        else if (node.Meaning == Meaning.Map)
        {
            WriteMap(node.Children[0]);
        }
        else
        {
            WriteStruct(node);
        }
    }

    private void WriteItems(ParquetNode node, Action<ParquetNode> write)
    {
        _writer.WriteStartArray();
        EachItem(node, write);
        _writer.WriteEndArray();
    }

    private void WriteMap(ParquetNode node)
    {
        _writer.WriteStartObject();
        EachItem(node, pair =>
        {
            var key = pair.Children[0];
            _writer.WritePropertyName(FirstOf(key).Definition >= key.Definition
                ? ParquetValues.NameOf(key, _columns[key.Column].Take().Span)
                : throw new InvalidDataException("a map has a key that is null"));
            WriteField(pair.Children[1]);
        });
        _writer.WriteEndObject();
    }

    private void EachItem(ParquetNode node, Action<ParquetNode> write)
    {
        var first = FirstOf(node);
        if (first.Definition < node.Definition)
        {
            Skip(node);
            return;
        }

        do
        {
            write(node);
        }
        while (first.Peek() && first.Repetition == node.Repetition);
    }

    /// <summary>The first column below a node, at its next value.</summary>
    private ColumnReader FirstOf(ParquetNode node)
    {
        while (node.Type is null)
        {
            node = node.Children[0];
        }

        var column = _columns[node.Column];
        return column.Peek() ? column : throw new InvalidDataException($"the column \"{node.Name}\" has fewer values than there are rows");
    }

    private void Skip(ParquetNode node)
    {
        foreach (var leaf in node.Leaves)
        {
            FirstOf(leaf);
            _columns[leaf.Column].Skip();
        }
    }
}
