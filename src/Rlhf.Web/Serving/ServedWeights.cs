using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Sampling;

namespace Rlhf.Web.Serving;

/// <summary>Weights on a device of their own, the models on them (their own and one for each adapter), and the worker that generates with all.</summary>
internal sealed class ServedWeights : IDisposable
{
    private readonly IDevice _device = Devices.Create();
    private readonly List<Decoder> _decoders = [];
    private GenerationWorker? _worker;
    private bool _isDisposed;

    private ServedWeights(int? context) => Context = context;

    /// <summary>The models, by the numbers that the worker knows them by.</summary>
    public IReadOnlyList<Decoder> Decoders => _decoders;

    /// <summary>Tokens of prompt and answer at most; null for the models' own limit.</summary>
    public int? Context { get; }

    public GenerationWorker Worker => _worker!;

    /// <summary>Loads a model, the first, and adapters on it that stand apart, and starts their worker.</summary>
    public static IReadOnlyList<ServedLanguageModel> Load(IReadOnlyList<(string Name, Checkpoint Files)> models, ServingSettings settings)
    {
        var weights = new ServedWeights(settings.Context);
        try
        {
            var first = models[0].Files.Load(weights._device, HeadKind.Language, trainable: false, settings.Storage);
            weights._decoders.Add(first);
            foreach (var (_, adapter) in models.Skip(1))
            {
                weights._decoders.Add(adapter.LoadOn(first, HeadKind.Language, trainable: false));
            }

            ServedLanguageModel[] served = [.. models.Select((model, number) => new ServedLanguageModel(model.Name, model.Files, weights, number))];
            weights._worker = new GenerationWorker(first, settings.Parallel, served[0].Context, settings.Queue, others: weights._decoders[1..]);
            return served;
        }
        catch
        {
            weights.Dispose();
            throw;
        }
    }

    /// <summary>Frees everything; the models on these weights each call it, and the first one does it.</summary>
    public void Dispose()
    {
        if (_isDisposed)
        {
            return;
        }

        _isDisposed = true;
        _worker?.Dispose();
        _decoders.ForEach(decoder => decoder.Dispose());
        _device.Dispose();
    }
}
