using System.Runtime.CompilerServices;

namespace Rlhf.Tokenization.Jinja;

/// <summary>
/// Counts what a rendering costs before it is spent, so that a hostile template ends with an error. Work is in units of about six nanoseconds: a part of the template that is visited
/// takes 16, a call 48, a value that is printed or compared 8, a character that is looked at alone 4, eight that are copied together 1. Bytes are those of all that the
/// rendering allocates: texts, lists, dictionaries and scopes, and also numbers, calls and writers that are thrown away at once, since what is thrown away stays resident until it is
/// collected. Nothing is given back.
/// </summary>
internal sealed class TemplateBudget(TemplateSource source)
{
    /// <summary>Work of a part that is visited.</summary>
    public const int Node = 16;

    /// <summary>Work of a call beyond its parts.</summary>
    public const int Call = 48;

    /// <summary>Work of a value that is printed or compared.</summary>
    public const int Value = 8;

    /// <summary>Work of a character that is looked at alone.</summary>
    public const int Character = 4;

    // What the runtime takes for each: objects with their headers, and arrays that double as they grow.
    private const int NodeBytes = 24;
    private const int CallBytes = 256;
    private const int ArgumentBytes = 96;
    private const int ScopeBytes = 280;
    private const int EntryBytes = 80;
    private const int DictionaryBytes = 280;
    private const int ListBytes = 128;
    private const int ItemBytes = 48;
    private const int TextBytes = 32;
    private const int WriterBytes = 192;
    private int _depth;

    /// <summary>Work so far.</summary>
    public long Work { get; private set; }

    /// <summary>Bytes made so far.</summary>
    public long Bytes { get; private set; }

    /// <summary>Where the template is at work.</summary>
    public int Position { get; set; }

    /// <summary>An error where the template is at work.</summary>
    public InputException Error(string message) => source.Error(Position, message);

    /// <summary>Counts work.</summary>
    public void Spend(long work)
    {
        Work += Math.Min(work, Limits.TemplateWork + 1);
        if (Work > Limits.TemplateWork)
            throw Error("the template takes too much work");
    }

    /// <summary>Counts a part of the template that is visited, with the number or truth that it gives.</summary>
    public void Visit(int position)
    {
        Position = position;
        Spend(Node);
        Keep(NodeBytes);
    }

    /// <summary>Counts a call, and what it looks at.</summary>
    public void MakeCall(long size, int arguments, int named)
    {
        Spend(Call + size + arguments);
        Keep(CallBytes + ArgumentBytes * (arguments + named) + (named > 0 ? DictionaryBytes : 0));
    }

    /// <summary>Counts the search or copy of characters that stand together.</summary>
    public void Scan(long characters) => Spend(1 + characters / 8);

    /// <summary>Counts a search for a text in another: at worst every place begins like what is sought.</summary>
    public void Search(long characters, long sought) => Spend(1 + characters / 8 + characters * Math.Min(sought, characters) / 64);

    /// <summary>Counts a text that is made.</summary>
    public void MakeText(long characters)
    {
        if (characters > Limits.TemplateText)
            throw Error(FormattableString.Invariant($"the template makes a text of more than {Limits.TemplateText} characters"));
        Scan(characters);
        Keep(TextBytes + 2 * characters);
    }

    /// <summary>Counts characters that are added to a text which is copied once when it is complete.</summary>
    public void Write(long before, long characters)
    {
        if (before + characters > Limits.TemplateText)
            throw Error(FormattableString.Invariant($"the template makes a text of more than {Limits.TemplateText} characters"));
        Scan(characters);
        Keep(4 * characters);
    }

    /// <summary>Counts a list that is made, with small values in it.</summary>
    public void MakeItems(long count)
    {
        if (count > Limits.TemplateItems)
            throw Error(FormattableString.Invariant($"the template makes a list or dictionary of more than {Limits.TemplateItems} items"));
        Spend(count);
        Keep(ListBytes + ItemBytes * count);
    }

    /// <summary>Counts a dictionary or namespace that is made.</summary>
    public void MakeDictionary(long count)
    {
        MakeItems(count);
        Keep(DictionaryBytes + EntryBytes * count);
    }

    /// <summary>Counts a text that is begun.</summary>
    public void MakeWriter() => Keep(WriterBytes);

    /// <summary>Counts one more item of a list.</summary>
    public void MakeItem(int before)
    {
        if (before >= Limits.TemplateItems)
            throw Error(FormattableString.Invariant($"the template makes a list or dictionary of more than {Limits.TemplateItems} items"));
        Spend(1);
        Keep(ItemBytes);
    }

    /// <summary>Counts an entry of a dictionary or namespace.</summary>
    public void MakeEntry() => Keep(EntryBytes);

    /// <summary>Counts a scope.</summary>
    public void MakeScope() => Keep(ScopeBytes);

    /// <summary>Steps into a nested value or call; <see cref="Leave"/> steps out.</summary>
    public void Enter()
    {
        RuntimeHelpers.EnsureSufficientExecutionStack();
        Spend(Value);
        if (++_depth > Limits.TemplateDepth)
            throw Error("values or macro calls are nested too deeply");
    }

    /// <summary>Steps out of a nested value or call.</summary>
    public void Leave() => _depth--;

    private void Keep(long bytes)
    {
        Bytes += bytes;
        if (Bytes > Limits.TemplateBytes)
            throw Error("the template makes too much text and too many lists");
    }
}
