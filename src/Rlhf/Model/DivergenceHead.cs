using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>Which divergence of a student from its teacher is meant.</summary>
/// <param name="Beta">0: KL(teacher || student); 1: KL(student || teacher); between: the generalised Jensen-Shannon divergence (Agarwal 2023, eq. 1).</param>
/// <param name="Temperature">Divides the logits of both.</param>
public readonly record struct DivergenceSettings(double Beta, double Temperature);

/// <summary>The language heads of a student and its teacher over the same target rows: how far the whole next-token distributions lie apart, and the student's
/// gradients. The vocabulary is what both have; where one has more logits, as padding, those do not count.</summary>
/// <param name="student">May be in training.</param>
/// <param name="teacher">Only read.</param>
/// <param name="arena">Memory.</param>
public sealed class DivergenceHead(Decoder student, Decoder teacher, Arena arena)
{
    /// <summary>Logits of either model that stand in memory at a time: 64 MiB.</summary>
    private const long MostLogits = 1 << 24;

    private readonly IDevice _device = student.Device;
    private readonly LanguageHead _student = new(student, arena);
    private readonly LanguageHead _teacher = new(teacher, arena);

    /// <summary>The divergences, and gradients of their weighted sum.</summary>
    /// <param name="hidden">The student's final hidden states [R, E].</param>
    /// <param name="teacherHidden">The teacher's [R, E of the teacher].</param>
    /// <param name="settings">Which divergence.</param>
    /// <param name="weights">[R], on the host.</param>
    /// <param name="divergences">[R] nats, not weighted, on the host.</param>
    /// <param name="dHidden">[R, E]; empty: no gradients are wanted.</param>
    /// <param name="gradients">The student's; the head's are added to.</param>
    public void Run(
        FloatBuffer hidden, FloatBuffer teacherHidden, DivergenceSettings settings, ReadOnlySpan<float> weights, Span<float> divergences, FloatBuffer dHidden,
        FloatBuffer gradients)
    {
        var rows = divergences.Length;
        if (rows == 0)
        {
            return;
        }

        var (own, others) = (student.Config.VocabularySize, teacher.Config.VocabularySize);
        var (width, teacherWidth) = (student.Config.EmbeddingWidth, teacher.Config.EmbeddingWidth);
        var most = (int)Math.Clamp(MostLogits / Math.Max(own, others), 1, rows);
        var (logits, teacherLogits) = (arena.Take((long)most * own), arena.Take((long)most * others));
        var (weighted, found) = (arena.Take(rows), arena.Take(rows));
        _device.CopyIn(weights, weighted);
        for (var first = 0; first < rows; first += most)
        {
            var count = Math.Min(most, rows - first);
            var part = hidden.From((long)first * width);
            _student.Logits(part, count, logits);
            _teacher.Logits(teacherHidden.From((long)first * teacherWidth), count, teacherLogits);
            _device.Divergence(new(
                logits, own, teacherLogits, others, count, Math.Min(own, others), (float)(1 / settings.Temperature), (float)settings.Beta,
                weighted.From(first), found.From(first), (float)(student.Config.LogitCap ?? 0)));
            if (!dHidden.IsEmpty)
            {
                _student.LogitsBackward(part, count, logits, dHidden.From((long)first * width), gradients);
            }
        }

        _device.CopyOut(found.Slice(0, rows), divergences);
    }
}
