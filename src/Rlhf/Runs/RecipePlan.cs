using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Stages;
using Rlhf.Text;

namespace Rlhf.Runs;

/// <summary>Reads and encodes the data of a recipe, and says what each stage will do before anything runs.</summary>
public sealed class RecipePlan
{
    // Shares of the matrix product's rate that wide models reach, and the width at which half of them is lost to everything else: see docs/performance.md,
    // float32.
    private const double WideTraining = 0.9;
    private const double WideSampling = 0.65;
    private const double HalfWidth = 48;

    private readonly DecoderConfig _config;

    private RecipePlan(Recipe asked, string folder)
    {
        var recipe = RecipeFormat.Settle(RecipeHub.Pin(asked, new Dictionary<string, string>()).Recipe, DateOnly.FromDateTime(DateTime.Now));
        Format = RecipeFormat.Describe(asked, recipe);
        Tokenizer tokenizer;
        if (recipe.Base.Model is { } model)
        {
            var opened = Checkpoint.Open(model);
            (_config, tokenizer) = (opened.Config, opened.Tokenizer);
        }
        else
        {
            tokenizer = BaseModel.CreateTokenizer(recipe, folder);
            _config = recipe.Base.Shape!.ToConfig(tokenizer.VocabularySize, tokenizer.BeginningOfSequence, tokenizer.EndOfSequenceIds);
        }

        StageAdapters.Check(recipe, _config);
        SamplingRoom.Check(recipe, _config.ContextLength);
        var ledger = new Ledger("plan");
        var steps = StageStep.Of(recipe);
        using var spill = new SpillFile(Path.Combine(folder, "encoded" + SpillFile.Ending));
        var planning = new StagePlanning(recipe, new StageData(recipe, folder, ledger), tokenizer, _config, ledger, spill) { Step = steps[0] };
        Parameters = planning.Costs.Parameters;
        var stages = new List<StagePlan>();
        foreach (var step in steps)
        {
            planning.Step = step;
            stages.Add(step.Stage.Plan(planning) with { Name = step.Name });
        }

        Stages = stages;
        ProgramBytes = Environment.WorkingSet;
    }

    /// <summary>The stages in order.</summary>
    public IReadOnlyList<StagePlan> Stages { get; }

    /// <summary>How prompts and answers become text, and who says so.</summary>
    public string Format { get; }

    /// <summary>Numbers in the model.</summary>
    public long Parameters { get; }

    /// <summary>Memory of the program with tokenizer and data, which every stage has beside its own: that of the process now.</summary>
    public long ProgramBytes { get; }

    /// <summary>Share of the matrix product's rate that training and scoring are assumed to reach.</summary>
    public double TrainingEfficiency => WideTraining * _config.Width / (_config.Width + HalfWidth);

    /// <summary>The same for sampling, which reads every weight for a few rows.</summary>
    public double SamplingEfficiency => WideSampling * _config.Width / (_config.Width + HalfWidth);

    /// <summary>Seconds that a stage is assumed to take.</summary>
    /// <param name="stage">The stage.</param>
    /// <param name="rate">Floating-point operations a second of a large matrix product.</param>
    public double SecondsOf(StagePlan stage, double rate) =>
        (stage.Operations / (rate * TrainingEfficiency)) + (stage.SampledOperations / (rate * SamplingEfficiency));

    /// <summary>Plans a recipe.</summary>
    /// <exception cref="InputException">The data or the base model cannot be used; it is better known now.</exception>
    public static RecipePlan Of(Recipe recipe)
    {
        var folder = Directory.CreateTempSubdirectory("rlhf-plan-");
        try
        {
            return new RecipePlan(recipe, folder.FullName);
        }
        finally
        {
            folder.Delete(recursive: true);
        }
    }
}
