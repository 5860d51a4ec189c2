using Rlhf.Reports;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Pretrain;

/// <summary>Next-token training on plain text.</summary>
internal sealed class PretrainStage : SupervisedStage<PretrainOptions>
{
    public override string Name => "pretrain";

    public override string Summary => "Next-token training on `data.text`.";

    public override uint SeedNumber => 0;

    public override StageReport Report { get; } = new SupervisedReport("Pretraining");

    protected override string DataKey => nameof(DataOptions.Text);

    protected override (StoredRows<EncodedSequence> Train, StoredRows<EncodedSequence> HeldOut) Read(
        StageContext context, StageReader reader, PretrainOptions options) => reader.Texts(options.ContextTokens);

    public override StagePlan Plan(StagePlanning planning)
    {
        var options = OptionsOf(planning.Recipe);
        return PlanOf(planning, options, planning.Reader.Texts(options.ContextTokens));
    }
}
