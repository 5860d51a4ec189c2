using System.Buffers.Binary;
using System.Globalization;
using System.Numerics;
using System.Text.Json;

namespace Rlhf.Data.Tables.Parquet;

/// <summary>Writes values of Parquet columns as JSON.</summary>
internal static class ParquetValues
{
    /// <summary>Writes a value.</summary>
    /// <param name="writer">Where to.</param>
    /// <param name="node">Its column.</param>
    /// <param name="value">Its bytes.</param>
    public static void Write(Utf8JsonWriter writer, ParquetNode node, ReadOnlySpan<byte> value)
    {
        switch (node.Type)
        {
            case PhysicalType.Boolean:
                writer.WriteBooleanValue(value[0] != 0);
                break;
            case PhysicalType.Int32:
                WriteInteger(writer, node, BinaryPrimitives.ReadInt32LittleEndian(value), uint.MaxValue);
                break;
            case PhysicalType.Int64:
                WriteInteger(writer, node, BinaryPrimitives.ReadInt64LittleEndian(value), ulong.MaxValue);
                break;
            case PhysicalType.Int96:
                writer.WriteStringValue(OldTime(value));
                break;
            case PhysicalType.Float:
                TableJson.WriteNumber(writer, BinaryPrimitives.ReadSingleLittleEndian(value));
                break;
            case PhysicalType.Double:
                TableJson.WriteNumber(writer, BinaryPrimitives.ReadDoubleLittleEndian(value));
                break;
            default:
                WriteBytes(writer, node, value);
                break;
        }
    }

    /// <summary>A value as the name in an object, for the keys of a map.</summary>
    public static string NameOf(ParquetNode node, ReadOnlySpan<byte> value) => node.Type switch
    {
        PhysicalType.ByteArray => TableJson.Text(value, node.Name),
        PhysicalType.Int32 => BinaryPrimitives.ReadInt32LittleEndian(value).ToString(CultureInfo.InvariantCulture),
        PhysicalType.Int64 => BinaryPrimitives.ReadInt64LittleEndian(value).ToString(CultureInfo.InvariantCulture),
        _ => throw new InvalidDataException($"the map \"{node.Name}\" has keys that are neither texts nor whole numbers"),
    };

    private static void WriteInteger(Utf8JsonWriter writer, ParquetNode node, long value, ulong mask)
    {
        switch (node.Meaning)
        {
            case Meaning.Unsigned:
                writer.WriteNumberValue((ulong)value & mask);
                break;
            case Meaning.Decimal:
                TableJson.WriteDecimal(writer, value, node.Scale);
                break;
            case Meaning.Date:
                writer.WriteStringValue(TableJson.Date(value));
                break;
            case Meaning.Time:
                writer.WriteStringValue(TableJson.Time(value, node.Scale));
                break;
            case Meaning.Timestamp:
                writer.WriteStringValue(TableJson.Timestamp(value, node.Scale));
                break;
            default:
                writer.WriteNumberValue(value);
                break;
        }
    }

    private static void WriteBytes(Utf8JsonWriter writer, ParquetNode node, ReadOnlySpan<byte> value)
    {
        switch (node.Meaning)
        {
            case Meaning.Decimal when value.Length <= 64:
                TableJson.WriteDecimal(writer, new BigInteger(value, isBigEndian: true), node.Scale);
                break;
            case Meaning.Half:
                TableJson.WriteNumber(writer, (float)BinaryPrimitives.ReadHalfLittleEndian(value));
                break;
            case Meaning.Uuid:
                writer.WriteStringValue(new Guid(value, bigEndian: true));
                break;
            default:
                TableJson.WriteText(writer, value, node.Meaning == Meaning.Text, node.Name);
                break;
        }
    }

    /// <summary>Nanoseconds of a day and the Julian day.</summary>
    private static string OldTime(ReadOnlySpan<byte> value)
    {
        const long dayNumber = 2440588; // of 1970-01-01
        var days = BinaryPrimitives.ReadUInt32LittleEndian(value[8..]) - dayNumber;
        return TableJson.Timestamp((days * 86_400_000_000) + (BinaryPrimitives.ReadInt64LittleEndian(value) / 1000), 6);
    }
}
