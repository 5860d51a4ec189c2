using Rlhf.Compute;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Model.Checkpoints;
using Rlhf.Text.Templates;

namespace Rlhf.Web.Serving;

/// <summary>A reward model; requests use it one after the other.</summary>
public sealed class ServedRewardModel : ServedModel
{
    private const int RowBudget = 2048;
    private readonly IDevice _device;
    private readonly Scorer _scorer;
    private readonly SemaphoreSlim _turn = new(1);
    private readonly int _queue;
    private int _inside;

    private ServedRewardModel(string name, Checkpoint model, Decoder decoder, int queue)
        : base(name, model, decoder)
    {
        (_device, _queue) = (decoder.Device, queue);
        _scorer = new Scorer(decoder, RowBudget);
    }

    /// <summary>Loads the model.</summary>
    /// <param name="name">How requests call it.</param>
    /// <param name="folder">A Hugging Face folder with a scalar head.</param>
    /// <param name="queue">Requests that may wait.</param>
    /// <param name="shifted">Whether the folder's <c>score_shift</c> is added to the scores, as PPO does.</param>
    /// <param name="storage">What the matrices are kept in; null: what loses nothing.</param>
    /// <exception cref="InputException">The folder is not a sound reward model, or has no tokenizer.</exception>
    public static ServedRewardModel Load(string name, string folder, int queue, bool shifted = false, WeightStorage? storage = null)
    {
        var model = Checkpoint.Open(folder);
        if (model.Score is null)
        {
            throw new InputException($"{folder}: this is a language model, not a reward model: it has no score.weight. Serve it with --model.");
        }

        var device = Devices.Create();
        Decoder? decoder = null;
        try
        {
            decoder = model.Load(device, HeadKind.Scalar, trainable: false, storage, shifted);
            return new ServedRewardModel(name, model, decoder, queue);
        }
        catch
        {
            decoder?.Dispose();
            device.Dispose();
            throw;
        }
    }

    /// <summary>Scores of answers; those to the same prompt go through the model together.</summary>
    internal async Task<float[]> Score(IReadOnlyList<EncodedSequence> answers, CancellationToken cancellation)
    {
        if (Interlocked.Increment(ref _inside) > _queue + 1)
        {
            Interlocked.Decrement(ref _inside);
            throw ApiException.Busy();
        }

        try
        {
            await _turn.WaitAsync(cancellation);
            try
            {
                return await Task.Run(
                    () => _scorer.Rewards([.. answers.Select(static answer => answer.Tokens)], [.. answers.Select(static answer => answer.PromptLength)]),
                    CancellationToken.None);
            }
            finally
            {
                _turn.Release();
            }
        }
        finally
        {
            Interlocked.Decrement(ref _inside);
        }
    }

    /// <inheritdoc/>
    public override void Dispose()
    {
        _turn.Wait();
        _scorer.Dispose();
        _turn.Dispose();
        Decoder.Dispose();
        _device.Dispose();
    }
}
