using System.CommandLine;
using System.Globalization;
using Rlhf.Data;
using Rlhf.Labelers;
using Rlhf.Labelers.Store;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Stages;
using Rlhf.Stages.Collect;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf collect</c>: the next collect stage of a recipe; or, without a recipe, answers of a model to prompts, put into a store in which people
/// rank.</summary>
internal static class CollectCommand
{
    private static readonly Option<string?> Store = new("--store")
    {
        Description = "Without a recipe: where people rank, as of rlhf label: an SQLite file, or postgres://user:password@host:port/database.",
        HelpName = "FILE|URL",
    };
    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "Without a recipe: the model that answers.");
    private static readonly Option<string?> Prompts =
        new("--prompts") { Description = "Without a recipe: the prompts, as of rlhf generate.", HelpName = "FILE" };
    private static readonly Option<int> Answers = ModelArguments.Number("--answers", 4, 2, "Without a recipe: answers to each prompt, 2 to 9.");
    private static readonly Option<int> MaxTokens = ModelArguments.Number("--max-tokens", 256, 1, "Without a recipe: an answer is cut after this many tokens.");
    private static readonly Option<string> Round = new("--round")
    {
        Description = "Without a recipe: the round's name in the store; people rank a prompt once in a round.",
        HelpName = "NAME",
        DefaultValueFactory = _ => "1",
    };

    /// <summary>The stage that this command does with a recipe.</summary>
    public const string Name = "collect";

    public static Command Create(IStage stage)
    {
        var (arguments, sampling, format) = (new RecipeArguments(), new SamplingArguments(), new FormatArguments());
        var command =
            arguments.AddTo(
                new Command(
                    Name, "Does the next collect stage of a recipe: K sampled answers to each prompt, ranked. Or, with --store, --model and --prompts instead of a recipe: puts answers into a store for people to rank."));
        foreach (var option in (Option[])[Store, Model, Prompts, Answers, MaxTokens, Round])
        {
            command.Add(option);
        }

        sampling.AddTo(command);
        format.AddTo(command);
        command.Validators.Add(result =>
        {
            Option[] own = [Store, Model, Prompts, Answers, MaxTokens, Round, .. sampling.All, .. format.All];
            var given = own.Where(option => result.GetResult(option) is { Implicit: false }).Select(option => option.Name).ToArray();
            var recipe = new Option[] { arguments.Out, arguments.Resume, arguments.Set, arguments.Watch }
                .Where(option => result.GetResult(option) is { Implicit: false })
                .Select(option => option.Name).ToList();
            if (result.GetValue(arguments.Recipe) is not null)
            {
                recipe.Insert(0, "RECIPE");
            }

            if (recipe.Count > 0 && given.Length > 0)
            {
                result.AddError(
                    $"{given[0]} is for collecting without a recipe, {recipe[0]} for a recipe, whose collect section says the rest: --set collect.labeler=people --set collect.store=FILE.");
            }
            else if (given.Length > 0 && (result.GetValue(Store) is null || result.GetValue(Model) is null || result.GetValue(Prompts) is null))
            {
                result.AddError("Without a recipe collect needs --store FILE, --model DIR and --prompts FILE.");
            }
            else if (ModelArguments.TryGet(result, Answers, out var answers) && answers > CollectOptions.MostAnswersOnPage)
            {
                result.AddError(
                    string.Create(CultureInfo.InvariantCulture,
                    $"--answers: expected 2 to {CollectOptions.MostAnswersOnPage}, as many as the ranking page shows, found {answers}."));
            }
        });
        return command
            .WithExamples(
                "rlhf collect recipes/polite.yaml --out runs/polite",
                "rlhf collect recipes/polite.yaml --out runs/polite --resume",
                "rlhf collect --store rankings.db --model runs/polite/stages/01-sft/model --prompts prompts.jsonl --answers 4")
            .Does((parsed, cancellation) =>
            {
                if (parsed.GetValue(Store) is { } store)
                {
                    Fill(parsed, store, sampling, format, ModelArguments.Progress(parsed, parsed.GetValue(arguments.Quiet)), cancellation);
                }
                else
                {
                    arguments.Execute(parsed, stage.Name, cancellation);
                }
            });
    }

    private static void Fill(
        ParseResult parsed, string address, SamplingArguments sampling, FormatArguments format, ProgressReporter reporter, CancellationToken cancellation)
    {
        var store = RankingStore.Open(address);
        var model = Checkpoint.Open(parsed.GetValue(Model)!);
        var options = new CollectOptions
        {
            Labeler = CollectOptions.PeopleLabeler,
            AnswersPerPrompt = parsed.GetValue(Answers),
            MaxNewTokens = parsed.GetValue(MaxTokens),
            Sampling = sampling.Of(parsed),
        };
        var errors = new OptionErrors();
        options.Validate(errors);
        errors.ThrowIfAny();
        var tokenizer = model.Tokenizer;
        using var models = new LoadedModels();
        var policy = models.Language(model);
        var form = format.Of(parsed, model);
        var records = PromptFile.Read(parsed.GetValue(Prompts)!, new DataSource { Format = form });
        var prompts = PromptFile.Encode(records, tokenizer, form);
        PromptFile.RequireRoom(records, prompts, policy.Config.ContextLength, options.MaxNewTokens, policy.Config.VocabularySize);
        Sampled sampled;
        using (var progress = reporter.Start("collect", prompts.Count, "prompts"))
        {
            sampled = AnswerSampler.Sample(policy, tokenizer, EndOfTurn.Of(form, tokenizer), prompts, options, sampling.SeedOf(parsed), progress, cancellation);
        }

        var ledger = new Ledger("collect");
        var answers = AnswerSampler.Join([.. records.Zip(prompts)], sampled, ledger);
        var origin = new AnswerOrigin(1, model.Hash, options.MaxNewTokens, options.Sampling);
        using var temporary = new ScratchFolder();
        var file = temporary[RankingFile.Name];
        RankingFile.Write(file, answers, origin);
        var round = parsed.GetValue(Round)!;
        var result = store.Import(RankingRows.Read(file).Select(row => row with { Answers = row.Answers with { Round = round } }));
        parsed.Error().WriteLine(string.Create(CultureInfo.InvariantCulture,
            $"rlhf: {result.Added} new prompts to rank, {result.Known} that were there already; {ledger.RowsDropped} had fewer than two different answers"));
        // A server's address may hold a password.
        parsed.Error().WriteLine($"People rank on the page of: rlhf label --store {(PeopleStore.IsServer(address) ? "URL" : address)}");
    }
}
