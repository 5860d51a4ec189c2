using Rlhf.Data;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;
using Rlhf.Text;
using Rlhf.Text.Templates;

namespace Rlhf.Web.Serving;

/// <summary>A language model with the worker that generates for all requests, which other models on the same weights may share.</summary>
public sealed class ServedLanguageModel : ServedModel
{
    private readonly SequenceEncoder _plain;
    private readonly ServedWeights _weights;

    internal ServedLanguageModel(string name, Checkpoint model, ServedWeights weights, int number)
        : base(name, model, weights.Decoders[number], weights.Context)
    {
        (_weights, Number) = (weights, number);
        Grammars = new GrammarCache(Tokenizer, Decoder.Config.VocabularySize, Encoder.EndIds);
        var plain = new FormatOptions { Template = FormatTemplate.Plain, AddEos = false };
        _plain = new SequenceEncoder(Tokenizer, plain, new EncodingOptions(), new Ledger(name)) { MostTokens = Context };
    }

    internal GenerationWorker Worker => _weights.Worker;

    /// <summary>Its number among the models that the worker generates with (<see cref="GenerationRequest.Model"/>).</summary>
    internal int Number { get; }

    /// <summary>Loads a model and starts its worker.</summary>
    /// <param name="name">How requests call it.</param>
    /// <param name="folder">A Hugging Face folder, a GGUF file, an adapter's folder.</param>
    /// <param name="settings">How it is served.</param>
    /// <exception cref="InputException">The folder is not a sound language model, or has no tokenizer.</exception>
    public static ServedLanguageModel Load(string name, string folder, ServingSettings settings) => Load((name, folder), [], settings)[0];

    /// <summary>Loads a model and adapters on it, each of them a model of its own. The model's weights stand in memory once, and one worker generates for all:
    /// answers of different adapters go through the weights together. An adapter that cannot stand beside weights is put into weights of its own, with a worker
    /// of its own.</summary>
    /// <param name="model">The model: how requests call it, and its folder.</param>
    /// <param name="adapters">The same of each adapter.</param>
    /// <param name="settings">How they are served.</param>
    /// <returns>The model, then the adapters in their order.</returns>
    /// <exception cref="InputException">A folder is not sound, has no tokenizer, or an adapter is not one of this model.</exception>
    public static IReadOnlyList<ServedLanguageModel> Load(
        (string Name, string Folder) model, IReadOnlyList<(string Name, string Folder)> adapters, ServingSettings settings)
    {
        var beneath = Checkpoint.Open(model.Folder);
        var opened = adapters.Select(adapter => (adapter.Name, Files: OnModel(adapter.Folder, beneath))).ToArray();
        List<ServedLanguageModel> served = [.. ServedWeights.Load([(model.Name, beneath), .. opened.Where(adapter => adapter.Files.StandsApart)], settings)];
        try
        {
            foreach (var adapter in opened.Where(adapter => !adapter.Files.StandsApart))
            {
                served.AddRange(ServedWeights.Load([adapter], settings));
            }
        }
        catch
        {
            served.ForEach(each => each.Dispose());
            throw;
        }

        return [served[0], .. adapters.Select(adapter => served.Single(each => each.Name == adapter.Name))];
    }

    /// <summary>Whether the other stands on the same weights, which are in memory once.</summary>
    public bool SharesWeightsWith(ServedLanguageModel other) => _weights == other._weights;

    /// <summary>The grammars that its last requests asked for.</summary>
    internal GrammarCache Grammars { get; }

    /// <summary>A text as it is; the empty one is the beginning-of-sequence token alone.</summary>
    internal int[] Encode(string text) => text.Length > 0
        ? UpToContext(() => _plain.Encode(new PromptRecord("prompt", Prompt.FromText(text), new RowPosition("prompt", 1, 1)))!.Tokens, "prompt")
            ?? throw TooLong("prompt")
        : [Tokenizer.BeginningOfSequence ?? throw ApiException.Invalid(
            "The prompt is empty and the tokenizer has no beginning-of-sequence token: give some text to continue.", "prompt")];

    /// <summary>What an encoding gives; null where that has more tokens than the context, which ends the work.</summary>
    internal static int[]? UpToContext(Func<int[]> encode, string parameter)
    {
        try
        {
            return encode();
        }
        catch (TooManyTokensException)
        {
            return null;
        }
        catch (InputException exception)
        {
            throw ApiException.Invalid(exception.Message, parameter);
        }
    }

    /// <summary>Ends the worker and frees the weights, also those of the other models on them.</summary>
    public override void Dispose() => _weights.Dispose();

    private static Checkpoint OnModel(string folder, Checkpoint model)
    {
        var adapter = Checkpoint.Open(folder, model);
        return adapter.HasLanguageHead && adapter.Score is null ? adapter
            : throw new InputException($"{folder}: this is the adapter of a reward model; one of a language model is needed here. Serve it with --reward.");
    }
}
