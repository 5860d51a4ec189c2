using static Rlhf.Compute.Operations.Shapes;

namespace Rlhf.Compute.Operations;

/// <summary>
/// How far each row's distribution p of a student lies from its teacher's q, in nats, over a vocabulary that both have; the student's logits are overwritten by
/// the gradient of the weighted sum of these numbers. With beta 0: KL(q || p); with 1: KL(p || q); between them, with m = beta q + (1 - beta) p, the
/// generalised Jensen-Shannon divergence beta KL(q || m) + (1 - beta) KL(p || m) (Agarwal 2023, eq. 1).
/// </summary>
/// <param name="Student">[R, StudentWidth] logits, capped already; afterwards their gradient before the cap, 0 beyond the vocabulary.</param>
/// <param name="StudentWidth">From one row to the next.</param>
/// <param name="Teacher">[R, TeacherWidth] logits.</param>
/// <param name="TeacherWidth">From one row to the next.</param>
/// <param name="Rows">R.</param>
/// <param name="Vocabulary">V: the logits of a row that count, its first ones.</param>
/// <param name="InverseTemperature">Multiplies all logits.</param>
/// <param name="Beta">From 0 to 1.</param>
/// <param name="Weights">[R] what each row's divergence is multiplied by in the sum.</param>
/// <param name="Divergences">[R], not weighted.</param>
/// <param name="Cap">c where the student's logits are c tanh(logit / c); 0: none.</param>
public readonly record struct Divergence(
    FloatBuffer Student, int StudentWidth, FloatBuffer Teacher, int TeacherWidth, int Rows, int Vocabulary, float InverseTemperature, float Beta,
    FloatBuffer Weights, FloatBuffer Divergences, float Cap = 0)
{
    internal void Check()
    {
        if (Vocabulary < 1 || Vocabulary > Math.Min(StudentWidth, TeacherWidth) || Beta is not (>= 0 and <= 1))
        {
            throw new ArgumentException($"No divergence with beta {Beta} of {Vocabulary} logits in rows of {StudentWidth} and {TeacherWidth}.");
        }

        NeedMatrix(Rows, StudentWidth, Student);
        NeedMatrix(Rows, TeacherWidth, Teacher);
        NeedEach(Rows, Weights, Divergences);
    }
}
