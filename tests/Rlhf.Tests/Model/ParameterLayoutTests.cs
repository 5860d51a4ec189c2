using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.World;

namespace Rlhf.Tests.Model;

public sealed class ParameterLayoutTests
{
    public static TheoryData<string, bool> Models()
    {
        var data = new TheoryData<string, bool>();
        foreach (var family in ModelFamilies.All.Select(family => family.Name))
        {
            data.Add(family, true);
            data.Add(family, false);
        }

        return data;
    }

    private static ParameterLayout Layout(string family, bool tied) => new(DecoderConfig.FromShape(
        ModelFamilies.Find(family)!, vocabularySize: 37, width: 20, layers: 3, heads: 2, contextLength: 9,
        feedForwardWidth: FamilyShapes.FeedForwardWidth(family, 23), tiedEmbeddings: tied, keyValueHeads: FamilyShapes.KeyValueHeads(family, 1)));

    [Theory]
    [MemberData(nameof(Models))]
    public void Parameters_never_overlap_and_fill_the_buffer_up_to_gaps_shorter_than_the_alignment(string family, bool tied)
    {
        var layout = Layout(family, tied);
        long end = 0;
        foreach (var parameter in layout.Parameters)
        {
            Assert.InRange(parameter.Offset - end, 0, ParameterLayout.Alignment - 1);
            end = parameter.Offset + parameter.Length;
        }

        Assert.InRange(layout.Length - end, 0, ParameterLayout.Alignment - 1);
        Assert.Equal(0, layout.Length % ParameterLayout.Alignment);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Matrices_and_only_matrices_lie_in_the_decayed_range(string family, bool tied)
    {
        var layout = Layout(family, tied);
        Assert.Equal(0, layout.Decayed.Offset);
        Assert.Equal(layout.Decayed.Length, layout.NotDecayed.Offset);
        Assert.Equal(layout.Length, layout.NotDecayed.Offset + layout.NotDecayed.Length);
        Assert.All(layout.Parameters, parameter =>
        {
            Assert.Equal(parameter.Shape.Length >= 2, parameter.Decays);
            Assert.Equal(parameter.Decays, parameter.Offset < layout.Decayed.Length);
        });
    }

    [Fact]
    public void Query_key_and_value_are_one_matrix_and_one_bias_gate_and_up_are_one_matrix()
    {
        var layout = Layout("qwen2", true);
        var layer = layout.LayerParameters(1);
        foreach (var (kind, start) in new[] { ("weight", layer.QkvWeight), ("bias", layer.QkvBias!.Value) })
        {
            var (q, k, v) = (Find("q"), Find("k"), Find("v"));
            Assert.Equal(start, q.Offset);
            Assert.Equal(q.Offset + q.Length, k.Offset);
            Assert.Equal(k.Offset + k.Length, v.Offset);
            Assert.Equal(0, start % ParameterLayout.Alignment);

            Parameter Find(string letter) => layout[$"model.layers.1.self_attn.{letter}_proj.{kind}"];
        }

        var gate = layout["model.layers.1.mlp.gate_proj.weight"];
        Assert.Equal(layer.UpWeight, gate.Offset);
        Assert.Equal(gate.Offset + gate.Length, layout["model.layers.1.mlp.up_proj.weight"].Offset);
    }

    [Theory]
    [MemberData(nameof(Models))]
    public void Parameters_outside_of_fused_groups_are_aligned(string family, bool tied) =>
        Assert.All(
            DecoderParameters.Of(Layout(family, tied).Config).Select(group => Layout(family, tied)[group.Members[0].Name]),
            parameter => Assert.Equal(0, parameter.Offset % ParameterLayout.Alignment));

    [Fact]
    public void A_tied_head_is_the_embedding_and_an_untied_one_is_its_own()
    {
        Assert.Equal(Layout("llama", true).TokenEmbedding, Layout("llama", true).Head);
        var untied = Layout("llama", false);
        Assert.Equal(untied["lm_head.weight"].Offset, untied.Head);
    }

    [Fact]
    public void A_block_has_only_the_parameters_of_its_family()
    {
        var gpt2 = Layout("gpt2", true).LayerParameters(0);
        Assert.NotNull(gpt2.AttentionNormBias);
        Assert.NotNull(gpt2.UpBias);
        Assert.NotNull(gpt2.DownBias);
        Assert.NotNull(gpt2.OutputBias);
        Assert.Null(gpt2.QueryNorm);
        var qwen3 = Layout("qwen3", true).LayerParameters(0);
        Assert.NotNull(qwen3.QueryNorm);
        Assert.NotNull(qwen3.KeyNorm);
        Assert.Null(qwen3.QkvBias);
        Assert.Null(qwen3.AttentionNormBias);
    }
}
