namespace Rlhf.Model.Families;

/// <summary>The names of activations of feed-forward blocks without a gate.</summary>
internal static class ActivationKeys
{
    /// <summary>The activation that a key names.</summary>
    public static FeedForward Read(DecoderConfigKeys keys, string key, FeedForward whenAbsent)
    {
        if (!keys.Contains(key))
        {
            return whenAbsent;
        }

        var name = keys.Text(key, string.Empty);
        switch (name)
        {
            case "gelu_new" or "gelu_pytorch_tanh" or "gelu_fast":
                return FeedForward.Gelu;
            case "gelu" or "gelu_python":
                return FeedForward.ExactGelu;
            case "relu":
                return FeedForward.Relu;
            default:
                keys.Refuse(key, "is not implemented: it must be gelu, gelu_new, gelu_pytorch_tanh, gelu_fast or relu");
                return whenAbsent;
        }
    }

    /// <summary>The activation's name.</summary>
    public static string Write(FeedForward form) => form switch
    {
        FeedForward.Gelu => "gelu_new",
        FeedForward.ExactGelu => "gelu",
        FeedForward.Relu => "relu",
        _ => throw new ArgumentOutOfRangeException(nameof(form), form, "It has a gate."),
    };
}
