using System.CommandLine;
using Rlhf.Compute.Operations;
using Rlhf.Labelers.Store;
using Rlhf.Model.Checkpoints;
using Rlhf.Web.Security;
using Rlhf.Web.Serving;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf serve</c>: a chat page and an API as OpenAI's over one or more models.</summary>
internal static class ServeCommand
{
    private const string KeyVariable = "RLHF_API_KEY";
    private const int ShortestKey = 16;

    private static readonly Option<string[]> Models =
        Folders("--model", "A language model's folder; NAME= in front gives the name by which requests call it. May be repeated. " + ModelArguments.HubHelp);
    private static readonly Option<string[]> Adapters = Folders(
        "--adapter",
        "An adapter (LoRA or DoRA, as PEFT writes them) on the one --model: a model of its own for requests, while the weights of --model are in memory once. May be repeated.");
    private static readonly Option<string[]> Rewards = Folders("--reward", "A reward model's folder, for /v1/score. May be repeated.");
    private static readonly Option<bool> Shift = ModelArguments.ScoreShift();
    private static readonly Option<string> Host = new("--host")
    {
        Description = "The address to listen on. Any other than this machine's own needs an API key.",
        HelpName = "ADDRESS",
        DefaultValueFactory = _ => "127.0.0.1",
    };
    private static readonly Option<int> Port = ModelArguments.Port(8000);
    private static readonly Option<int> Parallel = ModelArguments.Number("--parallel", 8, 1, "Answers that one model writes at once.");
    private static readonly Option<int> Queue =
        ModelArguments.Number("--queue", 64, 0, "Answers that may wait for a place; then requests are refused with 429.");
    private static readonly Option<int?> Context =
        ModelArguments.OptionalNumber("--context", 2, "Tokens of prompt and answer together at most, less than the model could, to save memory.");
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string?> KeyFile =
        new("--api-key-file") { Description = $"A file with the key that requests must show. Default: the variable {KeyVariable}.", HelpName = "FILE" };

    private static readonly Option<string[]> Origins = new("--cors")
    {
        Description = "The origin of a site whose pages may use the API from a browser, such as https://chat.example.org. Default: none. May be repeated.",
        HelpName = "ORIGIN",
        DefaultValueFactory = _ => [],
    };

    private static readonly Option<string?> Feedback = new("--feedback")
    {
        Description = "A store of rankings (as of rlhf label), made where it is not there: the chat page then asks which answers are good, and keeps what "
            + "people say. 'rlhf label export --store FILE' gives it as rows for reward and dpo.",
        HelpName = "FILE",
    };

    public static Command Create() =>
        new Command("serve", "Serves models: a chat page and an API as OpenAI's.")
        {
            Models, Adapters, Rewards, Shift, Storage, Host, Port, Parallel, Queue, Context, KeyFile, Origins, Feedback,
        }
        .WithExamples(
            "rlhf serve --model runs/polite/stages/03-ppo/model",
            "rlhf serve --model HuggingFaceTB/SmolLM2-135M-Instruct",
            "rlhf serve --model sft=runs/polite/stages/01-sft/model --model ppo=runs/polite/stages/03-ppo/model --reward rm=runs/polite/stages/02-reward/model",
            "rlhf serve --model base=SmolLM2-135M-Instruct.Q4_1.gguf --adapter polite=adapters/polite --adapter brief=adapters/brief",
            "rlhf serve --model model --host 0.0.0.0 --api-key-file key.txt",
            "rlhf serve --model sft=DIR --model ppo=DIR --feedback feedback.db",
            "rlhf serve --model model --cors https://chat.example.org",
            "curl http://127.0.0.1:8000/v1/chat/completions -H 'Content-Type: application/json' -d '{\"model\": \"model\", \"messages\": [{\"role\": \"user\", \"content\": \"Name a fruit.\"}]}'")
        .Does(Run);

    private static void Run(ParseResult parsed, CancellationToken cancellation)
    {
        NamedModel[] Given(Option<string[]> option) => [.. parsed.GetValue(option)!.Select(NamedModel.Of)];
        var (languages, adapters, rewards) = (Given(Models), Given(Adapters), Given(Rewards));
        if (languages.Length + rewards.Length == 0)
        {
            throw new InputException("Nothing to serve: give --model DIR, or --reward DIR.");
        }

        if (parsed.GetValue(Shift) && rewards.Length == 0)
        {
            throw new InputException("--score-shift needs --reward DIR, whose scores it shifts.");
        }

        if (adapters.Length > 0 && languages.Length != 1)
        {
            throw new InputException($"--adapter needs one --model, on which the adapters stand; {languages.Length} were given.");
        }

        NamedModel.RequireDifferentNames([.. languages, .. adapters, .. rewards]);
        var settings = new WebSettings
        {
            Host = parsed.GetValue(Host)!,
            Port = parsed.GetValue(Port),
            Origins = [.. parsed.GetValue(Origins)!.Select(origin => ModelServer.OriginOf("--cors", origin))],
            Log = parsed.Error(),
        };
        var key = KeyOf(parsed.GetValue(KeyFile));
        var feedback = parsed.GetValue(Feedback) is { } name ? RankingStore.Open(name) : null;
        using var models = Load(parsed, languages, adapters, rewards);
        var app = ModelServer.Create(models, settings, key, feedback);
        using var signals = Signals.AskFirst("stopping; once more to stop at once");
        WebDefaults.RunAsync(app, address => Announce(parsed, address, models), cancellation).GetAwaiter().GetResult();
    }

    private static void Announce(ParseResult parsed, Uri address, ServedModels models)
    {
        foreach (var model in models.All)
        {
            LoadedModels.TellRoundedAgain(parsed.Error(), model.Name, model.RoundedAgain);
            if (model.OtherBase is { } named)
            {
                parsed.Error().WriteLine($"rlhf: {model.Name}: adapter_config.json says that it was trained on {named}, which is not the model that it stands on here.");
            }

            parsed.Error().WriteLine($"rlhf: serving {model.Name} ({KindOf(parsed, model, models)})");
        }

        parsed.Output().WriteLine($"{address.GetLeftPart(UriPartial.Authority)}/");
        parsed.Output().Flush();
    }

    private static string KindOf(ParseResult parsed, ServedModel model, ServedModels models) =>
        model is not ServedLanguageModel language ? "reward model"
        : parsed.GetValue(Adapters)!.Length == 0 || models.All[0] is not ServedLanguageModel beneath || beneath == language ? "language model"
        : language.SharesWeightsWith(beneath) ? $"adapter on {beneath.Name}"
        : $"adapter on {beneath.Name}, merged into weights of its own: it is not LoRA on the blocks' linear layers alone";

    private static ServedModels Load(
        ParseResult parsed, IReadOnlyList<NamedModel> languages, IReadOnlyList<NamedModel> adapters, IReadOnlyList<NamedModel> rewards)
    {
        var settings = new ServingSettings(parsed.GetValue(Parallel), parsed.GetValue(Queue), parsed.GetValue(Context), parsed.GetValue(Storage));
        var loaded = new List<ServedModel>();
        try
        {
            foreach (var (name, folder) in languages)
            {
                loaded.AddRange(ServedLanguageModel.Load((name, folder), [.. adapters.Select(adapter => (adapter.Name, adapter.Folder))], settings));
            }

            foreach (var (name, folder) in rewards)
            {
                if (parsed.GetValue(Shift))
                {
                    LoadedModels.RequireShift(Checkpoint.Open(folder));
                }

                loaded.Add(ServedRewardModel.Load(name, folder, parsed.GetValue(Queue), parsed.GetValue(Shift), parsed.GetValue(Storage)));
            }

            return new ServedModels(loaded);
        }
        catch
        {
            loaded.ForEach(model => model.Dispose());
            throw;
        }
    }

    private static string? KeyOf(string? file)
    {
        var key = (file is null ? Environment.GetEnvironmentVariable(KeyVariable) : WholeFile.NamedText(file, Limits.HandWrittenFile))?.Trim();
        if (file is null && string.IsNullOrEmpty(key))
        {
            return null;
        }

        return key!.Length >= ShortestKey && key.All(character => character is > ' ' and < (char)127) ? key
            : throw new InputException(
                $"{file ?? KeyVariable}: expected a key of at least {ShortestKey} letters, digits and signs without spaces, such as 'openssl rand -hex 32' prints.");
    }

    private static Option<string[]> Folders(string name, string description) =>
        new(name) { Description = description, HelpName = "[NAME=]DIR", DefaultValueFactory = _ => [] };
}
