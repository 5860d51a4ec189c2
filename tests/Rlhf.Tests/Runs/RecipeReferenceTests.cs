using Rlhf.Runs;
using Rlhf.World;

namespace Rlhf.Tests.Runs;

public class RecipeReferenceTests
{
    [Fact]
    public void The_page_in_docs_is_what_the_code_says()
    {
        var file = Path.Combine(ReferenceFiles.Repository, "docs", "recipe.md");
        var written = File.Exists(file) ? File.ReadAllText(file).ReplaceLineEndings("\n") : "";

        Assert.True(written == RecipeReference.Write(), "docs/recipe.md is out of date; make it anew: ./rlhf recipe > docs/recipe.md");
    }

    [Fact]
    public void Keys_have_their_type_their_default_and_their_meaning()
    {
        var page = RecipeReference.Write();

        Assert.Contains("\n| `clip_range` | number | `0.2` | Ratio clip: the policy's ratio is held in [1 - x, 1 + x]. |\n", page, StringComparison.Ordinal);
        Assert.Contains("\n| `adam.weight_decay` | number | `0` |", page, StringComparison.Ordinal);
        Assert.Contains("\n| `learning_rate` | number | `9.65e-6` |", page, StringComparison.Ordinal);
        Assert.Contains("\n| `limits` | see [length limits](#length-limits) | its defaults |", page, StringComparison.Ordinal);
        Assert.Contains("\n- `validation_loss`: The lowest validation loss.\n", page, StringComparison.Ordinal);
    }
}
