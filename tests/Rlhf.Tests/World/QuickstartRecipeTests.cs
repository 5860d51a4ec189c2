using Rlhf.Labelers;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.World;

namespace Rlhf.Tests.World;

public sealed class QuickstartRecipeTests
{
    private static readonly Recipe Recipe = RecipeReader.Read(Path.Combine(ReferenceFiles.Repository, "recipes", "quickstart.yaml"));

    [Fact]
    public void Has_all_stages_in_two_rounds() => Assert.Equal(
        ["01-pretrain", "02-sft", "03-collect", "04-reward", "05-ppo", "06-collect-2", "07-reward-2", "08-ppo-2"],
        StageStep.Of(Recipe).Select(step => step.Name));

    [Fact]
    public void Reads_only_generated_data_and_is_labeled_by_the_gold_rule()
    {
        Assert.NotNull(Recipe.Data.Quickstart);
        Assert.All(Recipe.Data.Given(), entry => Assert.Empty(entry.Source.Path));
        Assert.Equal(new GoldRule().Name, Recipe.Find<CollectOptions>()!.Labeler);
    }
}
