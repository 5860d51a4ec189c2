namespace Rlhf.Model.Families;

/// <summary>Qwen3: Llama with an RMSNorm over each head's query and key.</summary>
internal sealed class Qwen3 : Qwen2
{
    public override string Name => "qwen3";

    internal override DecoderConfig Style => base.Style with { QkvBias = false, QueryKeyNorm = QueryKeyNorm.EachHead };

    protected override string ClassStem => "Qwen3";

    protected override bool HasBiasSwitch => true;

    protected override int? HeadWidthWhenAbsent => 128;
}
