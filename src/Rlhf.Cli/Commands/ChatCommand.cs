using System.CommandLine;
using System.Runtime.InteropServices;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Sampling;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf chat</c>: a conversation with a model in the terminal.</summary>
internal static class ChatCommand
{
    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The model folder (Hugging Face layout).", required: true);
    private static readonly Option<string?> Adapter = ModelArguments.Adapter();
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string?> System = new("--system") { Description = "A system message in front of the conversation.", HelpName = "TEXT" };
    private static readonly Option<int?> MaxTokens =
        ModelArguments.OptionalNumber("--max-tokens", 1, "Cuts an answer after this many tokens. Default: 512, or half of a context below 1,024.");
    private static readonly Option<string[]> Stops =
        new("--stop") { Description = "A text that ends an answer; may be repeated.", HelpName = "TEXT", DefaultValueFactory = _ => [] };

    public static Command Create()
    {
        var (sampling, format) = (new SamplingArguments(), new FormatArguments());
        var command = new Command("chat", "Talks with a model in the terminal; piped input is one turn a line.")
        {
            Model, Adapter, Storage, System, MaxTokens, Stops,
        };
        sampling.AddTo(command);
        format.AddTo(command);
        return command
            .WithExamples(
                "rlhf chat --model HuggingFaceTB/SmolLM2-135M-Instruct",
                "rlhf chat --model runs/polite/stages/03-ppo/model",
                "rlhf chat --model model --system \"Answer in one sentence.\" --temperature 0.7 --top-p 0.9",
                "echo \"Name a fruit.\" | rlhf chat --model model --temperature 0")
            .Does((parsed, cancellation) => Run(parsed, sampling, format));
    }

    private static void Run(ParseResult parsed, SamplingArguments sampling, FormatArguments format)
    {
        var folder = parsed.GetValue(Model)!;
        var settings = new ChatSettings(sampling.Of(parsed), parsed.GetValue(MaxTokens), sampling.SeedOf(parsed), parsed.GetValue(System), StopsOf(parsed));
        var model = ModelArguments.Open(parsed, Model, Adapter);
        var tokenizer = model.Tokenizer;
        var encoder = new SequenceEncoder(tokenizer, format.Of(parsed, model), new EncodingOptions(), new Ledger("chat"));
        using var models = new LoadedModels(parsed.GetValue(Storage), parsed.Error());
        var decoder = models.Language(model);
        using var worker = new GenerationWorker(decoder, slots: 1, decoder.Config.ContextLength, queueLimit: 1);
        var look = LookOf(parsed);
        if (look.IsInteractive)
        {
            parsed.Error().WriteLine($"{folder}: /help shows the commands, /quit leaves.");
        }

        var session = new ChatSession(tokenizer, encoder, worker, settings, look, Console.In, parsed.Output(), parsed.Error());
        var interruptions = 0;
        using var signals = Signals.Handle(signal => Interrupt(signal, session, ref interruptions));
        session.Run();
    }

    // The first Ctrl-C ends the answer. At the prompt the first one warns, and the second ends the process as usual.
    private static void Interrupt(PosixSignalContext signal, ChatSession session, ref int interruptions)
    {
        if (signal.Signal == PosixSignal.SIGINT && session.Interrupt())
        {
            (signal.Cancel, interruptions) = (true, 0);
        }
        else if (signal.Signal == PosixSignal.SIGINT && ++interruptions == 1)
        {
            signal.Cancel = true;
            Console.Error.WriteLine();
            Console.Error.WriteLine("once more, or /quit, to leave");
        }
    }

    private static ChatLook LookOf(ParseResult parsed)
    {
        var isTerminal = ReferenceEquals(parsed.Output(), Console.Out) && !Console.IsInputRedirected && !Console.IsOutputRedirected;
        var editor = isTerminal ? new LineEditor(() => Console.ReadKey(intercept: true), Console.Out, () => Console.WindowWidth) : null;
        return new ChatLook(isTerminal, isTerminal && string.IsNullOrEmpty(Environment.GetEnvironmentVariable("NO_COLOR")), editor);
    }

    private static string[] StopsOf(ParseResult parsed)
    {
        string[] stops = [.. parsed.GetValue(Stops)!.Select(stop => stop.Replace("\\n", "\n", StringComparison.Ordinal))];
        return stops.All(stop => stop.Length > 0) ? stops : throw new InputException("--stop: expected a text that is not empty.");
    }
}
