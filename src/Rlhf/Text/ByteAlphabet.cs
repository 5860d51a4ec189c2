using System.Text;

namespace Rlhf.Text;

/// <summary>
/// GPT-2's <c>bytes_to_unicode</c>: every byte has one printable character, so that any byte string is a string without spaces or control
/// characters. Printable Latin-1 bytes stand for themselves, the others get U+0100, U+0101 ... in order.
/// </summary>
internal static class ByteAlphabet
{
    private static readonly char[] Characters = CreateCharacters();
    private static readonly short[] Bytes = CreateBytes();

    /// <summary>The character of a byte.</summary>
    public static char CharacterOf(byte value) => Characters[value];

    /// <summary>A text's UTF-8 bytes, each as its character.</summary>
    public static string Spell(ReadOnlySpan<char> text)
    {
        var bytes = new byte[Encoding.UTF8.GetByteCount(text)];
        Encoding.UTF8.GetBytes(text, bytes);
        return string.Create(bytes.Length, bytes, (characters, source) =>
        {
            for (var i = 0; i < source.Length; i++)
            {
                characters[i] = Characters[source[i]];
            }
        });
    }

    /// <summary>The bytes that a token spells; a token with any other character stands for its own UTF-8 bytes.</summary>
    public static byte[] BytesOf(string token)
    {
        var bytes = new byte[token.Length];
        for (var i = 0; i < token.Length; i++)
        {
            var value = token[i] < Bytes.Length ? Bytes[token[i]] : (short)-1;
            if (value < 0)
            {
                return Encoding.UTF8.GetBytes(token);
            }

            bytes[i] = (byte)value;
        }

        return bytes;
    }

    /// <summary>All 256 characters in the order of their code points.</summary>
    public static IEnumerable<char> InCodePointOrder() => Characters.Order();

    private static char[] CreateCharacters()
    {
        var characters = new char[256];
        var next = (char)0x100;
        for (var value = 0; value < 256; value++)
        {
            var printable = value is >= '!' and <= '~' or >= 0xA1 and <= 0xAC or >= 0xAE;
            characters[value] = printable ? (char)value : next++;
        }

        return characters;
    }

    private static short[] CreateBytes()
    {
        var bytes = new short[Characters.Max() + 1];
        Array.Fill(bytes, (short)-1);
        for (var value = 0; value < 256; value++)
        {
            bytes[Characters[value]] = (short)value;
        }

        return bytes;
    }
}
