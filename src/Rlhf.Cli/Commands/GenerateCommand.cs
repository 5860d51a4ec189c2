using System.CommandLine;
using System.Globalization;
using Rlhf.Compute.Operations;
using Rlhf.Data;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Reports;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Cli.Commands;

/// <summary><c>rlhf generate</c>: answers of a model to prompts; with a reward model their scores, or the best of n.</summary>
internal static class GenerateCommand
{
    private const int DefaultMaxTokens = 256;

    // Answers that are sampled together; what is done is printed after each group.
    private const int Group = 512;

    private static readonly Option<string?> Model = ModelArguments.Folder("--model", "The model folder (Hugging Face layout).", required: true);
    private static readonly Option<string?> Adapter = ModelArguments.Adapter();
    private static readonly Option<WeightStorage?> Storage = ModelArguments.Storage();
    private static readonly Option<string?> PromptText = new("--prompt") { Description = "The prompt.", HelpName = "TEXT" };
    private static readonly Option<string?> Prompts = new("--prompts")
    {
        Description = "A file of prompts: JSON rows with prompt, instruction or messages, or a .txt file with one a line; - for standard input.",
        HelpName = "FILE",
    };

    private static readonly Option<int?> MaxTokens = ModelArguments.OptionalNumber(
        "--max-tokens", 1, $"Cuts an answer after this many tokens. Default: {DefaultMaxTokens}, or what the model's context leaves.");
    private static readonly Option<int> Samples = ModelArguments.SampleCount("--samples", "Answers to each prompt.");
    private static readonly Option<int> BestOf =
        ModelArguments.SampleCount("--best-of", "Samples this many answers for each one and keeps the one that the reward model scores highest.");
    private static readonly Option<string?> RewardModel = ModelArguments.Folder("--reward-model", "A reward model folder: every answer gets its score.");
    private static readonly Option<bool> Shift = ModelArguments.ScoreShift();
    private static readonly Option<string[]> Fields = ModelArguments.Fields();
    private static readonly Option<string[]> Ignore = ModelArguments.Ignore();
    private static readonly Option<double> Presence = new("--presence-penalty")
    {
        Description = "Taken once from the logits of tokens that the answer has already, as OpenAI's API has it.",
        HelpName = "X",
        DefaultValueFactory = _ => 0,
    };
    private static readonly Option<double> Frequency = new("--frequency-penalty")
    {
        Description = "Taken from the logit of a token as often as the answer has it.",
        HelpName = "X",
        DefaultValueFactory = _ => 0,
    };
    private static readonly Option<string[]> Bias = new("--logit-bias")
    {
        Description = "Adds a number to the logit of a token, by its id: 42=-100. May be repeated.",
        HelpName = "ID=X",
        DefaultValueFactory = _ => [],
    };
    private static readonly Option<bool> Json = ModelArguments.Json("One JSON object a line: prompt, response, tokens, logprobs, finished, score, seed.");
    private static readonly Option<bool> Quiet = ModelArguments.Quiet();

    /// <summary>An answer as <c>--json</c> writes it.</summary>
    /// <param name="Id">The prompt's <c>id</c>, or its file and line.</param>
    /// <param name="Prompt">The prompt as it was given.</param>
    /// <param name="Sample">Which of the answers to this prompt, from 0.</param>
    /// <param name="Response">The answer's text.</param>
    /// <param name="PromptTokens">Ids of the prompt in its format.</param>
    /// <param name="Tokens">Ids of the answer, the end-of-sequence token included.</param>
    /// <param name="Logprobs">Per token of the answer: its log-probability at the sampling temperature, over the whole vocabulary.</param>
    /// <param name="Finished">Whether the answer ended by itself.</param>
    /// <param name="Score">By the reward model.</param>
    /// <param name="Seed">The seed of the command.</param>
    private sealed record Answer(
        string Id, string Prompt, int Sample, string Response, int[] PromptTokens, int[] Tokens, float[] Logprobs, bool Finished, float? Score, ulong Seed);

    public static Command Create()
    {
        var (sampling, format) = (new SamplingArguments(), new FormatArguments());
        var command = new Command("generate", "Answers prompts with a model.") { Model, Adapter, Storage, PromptText, Prompts, MaxTokens };
        sampling.AddTo(command);
        format.AddTo(command);
        foreach (var option in (Option[])[Presence, Frequency, Bias, Samples, BestOf, RewardModel, Shift, Fields, Ignore, Json, Quiet])
        {
            command.Add(option);
        }

        command.Validators.Add(result =>
        {
            if (result.GetValue(PromptText) is null == result.GetValue(Prompts) is null)
            {
                result.AddError("Give either --prompt TEXT or --prompts FILE.");
            }

            if (result.GetResult(BestOf) is { Implicit: false } && result.GetValue(RewardModel) is null)
            {
                result.AddError("--best-of needs --reward-model DIR, which says what is best.");
            }

            if (result.GetValue(Shift) && result.GetValue(RewardModel) is null)
            {
                result.AddError("--score-shift needs --reward-model DIR, whose scores it shifts.");
            }
        });
        return command
            .WithExamples(
                "rlhf generate --model HuggingFaceTB/SmolLM2-135M-Instruct --prompt 'Name a fruit.'",
                "rlhf generate --model model --prompt \"Name a fruit.\"",
                "rlhf generate --model runs/quickstart/stages/04-ppo/model --prompt \"Name a fruit.\"",
                "rlhf generate --model model --prompt \"Once upon a time\" --format plain --temperature 0 --max-tokens 50",
                "rlhf generate --model model --prompts prompts.jsonl --samples 4 --seed 1 --json > answers.jsonl",
                "rlhf generate --model model --prompts prompts.txt --best-of 16 --reward-model reward --json",
                "cat prompts.txt | rlhf generate --model model --prompts -")
            .Does((parsed, cancellation) => Run(parsed, sampling, format, cancellation));
    }

    private static void Run(ParseResult parsed, SamplingArguments arguments, FormatArguments format, CancellationToken cancellation)
    {
        var sampling = arguments.Of(parsed);
        var source = ModelArguments.SourceOf(parsed.GetValue(Fields)!, parsed.GetValue(Ignore)!);
        var model = ModelArguments.Open(parsed, Model, Adapter);
        var tokenizer = model.Tokenizer;
        using var models = new LoadedModels(parsed.GetValue(Storage), parsed.Error());
        var policy = models.Language(model);
        var reward = parsed.GetValue(RewardModel) is { } rewardFolder ? models.Reward(Checkpoint.Open(rewardFolder), model, parsed.GetValue(Shift)) : null;
        var form = format.Of(parsed, model);
        var records = parsed.GetValue(PromptText) is { } text
            ? [new PromptRecord("prompt", Prompt.FromText(text), new RowPosition("--prompt", 1, 1))]
            : PromptFile.Read(parsed.GetValue(Prompts)!, source with { Format = form });
        var prompts = PromptFile.Encode(records, tokenizer, form);
        var settings = new GenerationSettings
        {
            Sampling = sampling,
            Changes = ChangesOf(parsed),
            MaxNewTokens = RoomFor(records, prompts, parsed.GetValue(MaxTokens), policy.Config, reward?.Config),
            EndIds = EndOfTurn.Of(form, tokenizer),
            Seed = arguments.SeedOf(parsed),
        };
        var printer = Printer.For(parsed, tokenizer, prompts.Count == 1 && parsed.GetValue(Samples) == 1);
        Generate(parsed, policy, reward, tokenizer, records, prompts, settings, printer, cancellation);
    }

    private static LogitChanges? ChangesOf(ParseResult parsed)
    {
        var bias = new Dictionary<int, double>();
        foreach (var given in parsed.GetValue(Bias)!)
        {
            var cut = given.IndexOf('=', StringComparison.Ordinal);
            if (cut < 0 || !int.TryParse(given.AsSpan(0, cut), NumberStyles.None, CultureInfo.InvariantCulture, out var id)
                || !double.TryParse(given.AsSpan(cut + 1), NumberStyles.Float, CultureInfo.InvariantCulture, out var number))
            {
                throw new InputException($"--logit-bias {given}: expected a token's id and a number, such as 42=-100.");
            }

            bias[id] = number;
        }

        return new LogitChanges { PresencePenalty = parsed.GetValue(Presence), FrequencyPenalty = parsed.GetValue(Frequency), Bias = bias }.OrNull();
    }

    /// <summary>Prompt by prompt, so that an answer does not depend on the prompts that come later.</summary>
    private static void Generate(
        ParseResult parsed, Decoder policy, Decoder? reward, Tokenizer tokenizer, IReadOnlyList<PromptRecord> records, IReadOnlyList<EncodedPrompt> prompts,
        GenerationSettings settings, Printer printer, CancellationToken cancellation)
    {
        var (samples, bestOf) = (parsed.GetValue(Samples), parsed.GetValue(BestOf));
        var candidates = samples * bestOf;
        using var generator = new Generator(policy);
        using var scorer = reward is null ? null : new Scorer(reward, ModelArguments.RowBudget);
        using var progress = ModelArguments.Progress(parsed, parsed.GetValue(Quiet) || (prompts.Count == 1 && candidates == 1))
            .Start("generate", (long)prompts.Count * candidates, "answers");
        for (var start = 0; start < prompts.Count;)
        {
            var count = Math.Clamp(Group / candidates, 1, prompts.Count - start);
            var part = settings with { FirstRow = checked((uint)((long)start * candidates)) };
            int[][] requests = [.. Enumerable.Range(0, count * candidates).Select(i => prompts[start + (i / candidates)].Tokens)];
            var counter = new AnswerCounter(requests.Length, part, progress);
            var completions = generator.Generate(requests, part, (request, token) => Drawn(printer, counter, requests[request], request, token), cancellation);
            var scores =
                scorer?.Rewards([.. completions.Select(completion => completion.Tokens)], [.. completions.Select(completion => completion.Prompt.Length)]);
            for (var answer = 0; answer < count * samples; answer++)
            {
                var best = Enumerable.Range(answer * bestOf, bestOf).MaxBy(i => scores?[i] ?? 0f);
                var record = records[start + (answer / samples)];
                var completion = completions[best];
                printer.Write(new Answer(
                    record.Id, record.Prompt.Text, answer % samples, AnswerText.Of(tokenizer, completion), completion.Prompt, completion.Response,
                    completion.LogProbabilities, completion.Finished, scores?[best], part.Seed));
            }

            start += count;
        }
    }

    private static void Drawn(Printer printer, AnswerCounter counter, int[] prompt, int request, int token)
    {
        printer.Stream(prompt, token, counter.Ends(token));
        counter.Count(request, token);
    }

    private static int RoomFor(
        IReadOnlyList<PromptRecord> records, IReadOnlyList<EncodedPrompt> prompts, int? wanted, DecoderConfig policy, DecoderConfig? reward)
    {
        var context = Math.Min(policy.ContextLength, reward?.ContextLength ?? policy.ContextLength);
        PromptFile.RequireRoom(records, prompts, context, wanted ?? 1, policy.VocabularySize);
        return wanted ?? Math.Min(DefaultMaxTokens, context - prompts.Max(prompt => prompt.Tokens.Length));
    }

    /// <summary>Writes answers as text or as JSON; a single one on a terminal word by word.</summary>
    private sealed class Printer
    {
        private readonly TextWriter _output;
        private readonly Tokenizer _tokenizer;
        private readonly bool _json;
        private readonly bool _single;
        private readonly bool _terminal;
        private readonly bool _streams;
        private AnswerText? _streaming;

        private Printer(TextWriter output, Tokenizer tokenizer, bool json, bool single, bool terminal, bool streams)
        {
            (_output, _tokenizer, _json, _single, _terminal, _streams) = (output, tokenizer, json, single, terminal, streams);
        }

        public static Printer For(ParseResult parsed, Tokenizer tokenizer, bool single)
        {
            var json = parsed.GetValue(Json);
            var terminal = ReferenceEquals(parsed.Output(), Console.Out) && !Console.IsOutputRedirected;
            return new Printer(parsed.Output(), tokenizer, json, single, terminal, terminal && !json && single && parsed.GetValue(BestOf) == 1);
        }

        public void Stream(int[] prompt, int token, bool ends)
        {
            if (_streams && !ends)
            {
                _streaming ??= new AnswerText(_tokenizer, prompt, []);
                _output.Write(VisibleText.Plain(_streaming.Append(token)));
                _output.Flush();
            }
        }

        public void Write(Answer answer)
        {
            if (_json)
            {
                ModelArguments.WriteLine(_output, answer);
            }
            else if (_streams)
            {
                _output.WriteLine(VisibleText.Plain(_streaming?.Flush()));
            }
            else if (_single)
            {
                _output.WriteLine(Shown(answer.Response));
            }
            else
            {
                var score = answer.Score is { } value ? string.Create(CultureInfo.InvariantCulture, $"  (score {value:0.000})") : "";
                _output.WriteLine($"> {Shown(answer.Prompt)}{score}");
                _output.WriteLine(Shown(answer.Response));
                _output.WriteLine();
            }
        }

        // A model may write control characters; a terminal would obey them.
        private string Shown(string text) => _terminal ? VisibleText.Plain(text) : text;
    }
}
