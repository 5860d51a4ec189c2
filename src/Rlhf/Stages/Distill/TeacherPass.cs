using Rlhf.Batching;
using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Text.Templates;

namespace Rlhf.Stages.Distill;

/// <summary>A teacher that reads the student's micro-batches, in memory of its own: its hidden states stand while the student's pass goes on.</summary>
/// <param name="teacher">The teacher.</param>
internal sealed class TeacherPass(Decoder teacher) : IDisposable
{
    private readonly Arena _arena = new(teacher.Device);
    private readonly PackedBatch _batch = new();

    /// <summary>The teacher.</summary>
    public Decoder Model => teacher;

    /// <summary>Its final hidden states of the target rows [R, E], until the next call.</summary>
    public FloatBuffer Read(ReadOnlySpan<EncodedSequence> rows)
    {
        _arena.Reset();
        AddTo(_batch, rows, teacher);
        return new DecoderPass(teacher, _arena).Forward(_batch, Keep.Nothing);
    }

    /// <summary>Fills a batch with rows, the same targets for any model.</summary>
    public static void AddTo(PackedBatch batch, ReadOnlySpan<EncodedSequence> rows, Decoder model)
    {
        batch.Clear();
        foreach (var row in rows)
        {
            batch.Add(row.Tokens, row.PromptLength, model.Device, model.Shape, row.MaskOverTokens());
        }
    }

    /// <inheritdoc/>
    public void Dispose() => _arena.Dispose();
}
