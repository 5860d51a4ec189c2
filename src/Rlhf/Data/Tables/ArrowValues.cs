using System.Globalization;
using System.Numerics;
using System.Text.Json;
using Apache.Arrow;
using Apache.Arrow.Types;

namespace Rlhf.Data.Tables;

/// <summary>Writes values of Arrow columns as JSON.</summary>
internal static class ArrowValues
{
    /// <summary>Writes a value.</summary>
    public static void Write(Utf8JsonWriter writer, IArrowArray array, int index)
    {
        if (index < 0 || index >= array.Length)
        {
            throw new InvalidDataException("a list points outside of its items");
        }

        if (array is NullArray || array.IsNull(index))
        {
            writer.WriteNullValue();
            return;
        }

        switch (array)
        {
            case DictionaryArray dictionary:
                Write(writer, dictionary.Dictionary, (int)WholeNumber(dictionary.Indices, index));
                break;
            case MapArray map:
                WriteMap(writer, map, index);
                break;
            case ListArray list:
                WriteItems(writer, list.Values, list.ValueOffsets[index], list.GetValueLength(index));
                break;
            case LargeListArray list:
                WriteItems(writer, list.Values, list.ValueOffsets[index], list.GetValueLength(index));
                break;
            case FixedSizeListArray list:
                var size = ((FixedSizeListType)list.Data.DataType).ListSize;
                WriteItems(writer, list.Values, (long)(list.Offset + index) * size, size);
                break;
            case StructArray structure:
                WriteStruct(writer, structure, index);
                break;
            default:
                WriteScalar(writer, array, index);
                break;
        }

        if (writer.BytesPending > Limits.RowBytes)
        {
            throw new InvalidDataException($"expected a row of at most {Limits.RowBytes} bytes, found a longer one");
        }
    }

    private static void WriteItems(Utf8JsonWriter writer, IArrowArray items, long first, long count)
    {
        if (first < 0 || count < 0 || count > items.Length - first)
        {
            throw new InvalidDataException("a list points outside of its items");
        }

        writer.WriteStartArray();
        for (var i = first; i < first + count; i++)
        {
            Write(writer, items, (int)i);
        }

        writer.WriteEndArray();
    }

    private static void WriteMap(Utf8JsonWriter writer, MapArray map, int index)
    {
        var (first, count) = (map.ValueOffsets[index], map.GetValueLength(index));
        if (first < 0 || count < 0 || count > map.Keys.Length - first)
        {
            throw new InvalidDataException("a map points outside of its pairs");
        }

        writer.WriteStartObject();
        for (var i = first; i < first + count; i++)
        {
            writer.WritePropertyName(map.Keys is BinaryArray keys
                ? TableJson.Text(keys.GetBytes(i), "key")
                : WholeNumber(map.Keys, i).ToString(CultureInfo.InvariantCulture));
            Write(writer, map.Values, i);
        }

        writer.WriteEndObject();
    }

    private static void WriteStruct(Utf8JsonWriter writer, StructArray structure, int index)
    {
        writer.WriteStartObject();
        var fields = ((StructType)structure.Data.DataType).Fields;
        for (var i = 0; i < fields.Count; i++)
        {
            writer.WritePropertyName(fields[i].Name);
            Write(writer, structure.Fields[i], index);
        }

        writer.WriteEndObject();
    }

    private static void WriteScalar(Utf8JsonWriter writer, IArrowArray array, int index)
    {
        switch (array)
        {
            case StringArray text:
                TableJson.WriteText(writer, text.GetBytes(index), mustBeText: true, "text");
                break;
            case LargeStringArray text:
                TableJson.WriteText(writer, text.GetBytes(index), mustBeText: true, "text");
                break;
            case StringViewArray text:
                TableJson.WriteText(writer, text.GetBytes(index), mustBeText: true, "text");
                break;
            case BinaryArray bytes:
                TableJson.WriteText(writer, bytes.GetBytes(index), mustBeText: false, "bytes");
                break;
            case LargeBinaryArray bytes:
                TableJson.WriteText(writer, bytes.GetBytes(index), mustBeText: false, "bytes");
                break;
            case BooleanArray flags:
                writer.WriteBooleanValue(flags.GetValue(index)!.Value);
                break;
            case HalfFloatArray numbers:
                TableJson.WriteNumber(writer, (float)numbers.GetValue(index)!.Value);
                break;
            case FloatArray numbers:
                TableJson.WriteNumber(writer, numbers.GetValue(index)!.Value);
                break;
            case DoubleArray numbers:
                TableJson.WriteNumber(writer, numbers.GetValue(index)!.Value);
                break;
            default:
                WriteTimeOrInteger(writer, array, index);
                break;
        }
    }

    private static void WriteTimeOrInteger(Utf8JsonWriter writer, IArrowArray array, int index)
    {
        switch (array)
        {
            case TimestampArray times:
                writer.WriteStringValue(TableJson.Timestamp(times.GetValue(index)!.Value, ScaleOf(((TimestampType)times.Data.DataType).Unit)));
                break;
            case Time32Array times:
                writer.WriteStringValue(TableJson.Time(times.GetValue(index)!.Value, ScaleOf(((Time32Type)times.Data.DataType).Unit)));
                break;
            case Time64Array times:
                writer.WriteStringValue(TableJson.Time(times.GetValue(index)!.Value, ScaleOf(((Time64Type)times.Data.DataType).Unit)));
                break;
            case Date32Array days:
                writer.WriteStringValue(TableJson.Date(days.GetValue(index)!.Value));
                break;
            case Date64Array days:
                writer.WriteStringValue(TableJson.Date(days.GetValue(index)!.Value / 86_400_000));
                break;
            case Decimal128Array numbers:
                writer.WriteRawValue(numbers.GetString(index)!, skipInputValidation: true);
                break;
            case UInt64Array numbers:
                writer.WriteNumberValue(numbers.GetValue(index)!.Value);
                break;
            default:
                writer.WriteNumberValue((long)WholeNumber(array, index));
                break;
        }
    }

    private static BigInteger WholeNumber(IArrowArray array, int index) => array switch
    {
        Int8Array numbers => numbers.GetValue(index)!.Value,
        Int16Array numbers => numbers.GetValue(index)!.Value,
        Int32Array numbers => numbers.GetValue(index)!.Value,
        Int64Array numbers => numbers.GetValue(index)!.Value,
        UInt8Array numbers => numbers.GetValue(index)!.Value,
        UInt16Array numbers => numbers.GetValue(index)!.Value,
        UInt32Array numbers => numbers.GetValue(index)!.Value,
        UInt64Array numbers => numbers.GetValue(index)!.Value,
        _ => throw new InvalidDataException($"a column of the type {array.Data.DataType.Name}, which is not read"),
    };

    private static int ScaleOf(TimeUnit unit) => unit switch { TimeUnit.Second => 0, TimeUnit.Millisecond => 3, TimeUnit.Microsecond => 6, _ => 9 };
}
