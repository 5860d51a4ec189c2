using System.Text.Json.Nodes;

namespace Rlhf.Model.Families;

/// <summary>The keys that say what differs from block to block: windows of attention.</summary>
internal static class LayerKeys
{
    public const string Types = "layer_types";
    public const string Window = "sliding_window";
    public const string WindowSwitch = "use_sliding_window";
    public const string Full = "full_attention";
    public const string Sliding = "sliding_attention";
    private const int MostLayers = 4096; // believed before the number is checked

    /// <summary>A list with an element for each block.</summary>
    public static EqualList<bool> Of(int layers, Func<int, bool> which) =>
        new([.. Enumerable.Range(0, Math.Clamp(layers, 0, MostLayers)).Select(which)]);

    /// <summary>Which blocks have the window by <c>layer_types</c>; null where the file does not say it.</summary>
    public static EqualList<bool>? Windowed(DecoderConfigKeys keys, int layers)
    {
        if (keys.Choices(Types, Sliding, Full) is not { } types)
        {
            return null;
        }

        if (types.Length != layers && types.Contains(true))
        {
            keys.Refuse(Types, $"has {types.Length} elements for {layers} blocks");
        }

        return types.Length == layers ? new(types) : Of(layers, _ => false);
    }

    /// <summary>Refuses blocks with a window where the family or the file has none.</summary>
    public static void AllowFullAttentionAlone(DecoderConfigKeys keys)
    {
        if (keys.Choices(Types, Sliding, Full) is { } types && types.Contains(true))
        {
            keys.Refuse(Types, $"contradicts the rest of the file, by which no block has a window: every element must be \"{Full}\"");
        }
    }

    /// <summary>The window's width; null where the file says null, <paramref name="whenAbsent"/> where it says nothing.</summary>
    public static int? Width(DecoderConfigKeys keys, int? whenAbsent)
    {
        if (!keys.Contains(Window))
        {
            return keys.ContainsKeyEvenNull(Window) ? null : whenAbsent;
        }

        var window = keys.Integer(Window);
        if (window < 1)
        {
            keys.Refuse(Window, "must be positive");
        }

        return window;
    }

    /// <summary>The window of a family that has it in every block, whatever else a file says.</summary>
    public static int? OfEveryBlock(DecoderConfigKeys keys, int layers, int context, int? whenAbsent)
    {
        keys.Contains(WindowSwitch);
        var window = Width(keys, whenAbsent);
        if (Windowed(keys, layers) is { } windowed && window < context && windowed.Contains(false))
        {
            keys.Refuse(Types, $"contradicts \"{Window}\", which is for every block in this family");
        }

        return window;
    }

    /// <summary><c>layer_types</c>, or null where all blocks are alike.</summary>
    public static JsonArray? Write(EqualList<bool>? windowed) =>
        windowed is null ? null : new JsonArray([.. windowed.Select(isWindowed => (JsonNode)(isWindowed ? Sliding : Full))]);
}
