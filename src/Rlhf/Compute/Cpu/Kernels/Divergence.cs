using Rlhf.Compute.Cpu.Simd;
using Rlhf.Compute.Cpu.Threads;

namespace Rlhf.Compute.Cpu.Kernels;

/// <summary>
/// Divergence of a student's distribution p from a teacher's q, row by row, and its slopes by the student's logits. A divergence is a sum of terms f(p, q), and
/// its slope by logit j is p_j (t_j - sum over k of p_k t_k) with t the slope of the sum by p: log p - log q where beta is 1,
/// (1 - beta) (log p - log m) where it is between 0 and 1; where it is 0, p_j - q_j.
/// </summary>
internal static unsafe class Divergence
{
    public static void Run<T>(WorkerPool pool, in Operations.Divergence operation)
        where T : unmanaged, ILanes<T> => pool.Run(&Rows<T>, operation, RowParts.Count(operation.Rows, operation.Vocabulary));

    private static void Rows<T>(void* arguments, int part, int worker)
        where T : unmanaged, ILanes<T>
    {
        var a = (Operations.Divergence*)arguments;
        var (first, end) = RowParts.Range(part, a->Rows, a->Vocabulary);
        for (var row = first; row < end; row++)
        {
            var student = a->Student.Pointer + ((long)row * a->StudentWidth);
            var teacher = a->Teacher.Pointer + ((long)row * a->TeacherWidth);
            var pair = new Pair<T>(*a, student, teacher);
            var (divergence, slope) = pair.Sums();
            a->Divergences.Pointer[row] = divergence;
            pair.WriteSlopes(slope, a->Weights.Pointer[row] * a->InverseTemperature, a->Cap);
            new Span<float>(student + a->Vocabulary, a->StudentWidth - a->Vocabulary).Clear();
        }
    }

    /// <summary>One row.</summary>
    private readonly struct Pair<T>
        where T : unmanaged, ILanes<T>
    {
        private readonly float* _student;
        private readonly float* _teacher;
        private readonly int _count;
        private readonly float _beta;
        private readonly T _scale;
        private readonly T _studentSum; // log sum exp
        private readonly T _teacherSum;
        private readonly T _odds; // log of beta / (1 - beta)
        private readonly T _rest; // log of 1 - beta

        public Pair(in Operations.Divergence operation, float* student, float* teacher)
        {
            _student = student;
            _teacher = teacher;
            (_count, _beta) = (operation.Vocabulary, operation.Beta);
            _scale = T.Broadcast(operation.InverseTemperature);
            _studentSum = T.Broadcast(LogSumExp(student, _count, _scale));
            _teacherSum = T.Broadcast(LogSumExp(teacher, _count, _scale));
            var isMixed = _beta is > 0 and < 1;
            _odds = T.Broadcast(isMixed ? (float)Math.Log(_beta / (1.0 - _beta)) : 0f);
            _rest = T.Broadcast(isMixed ? (float)Math.Log(1.0 - _beta) : 0f);
        }

        /// <summary>The divergence, and the sum of p t.</summary>
        public (float Divergence, float Slope) Sums()
        {
            var (divergence, slope) = (T.Broadcast(0f), T.Broadcast(0f));
            for (var c = 0; c < _count; c += ILanes<T>.Count)
            {
                var (logP, logQ) = LogsAt(c);
                var (p, q) = (VectorMath.Exp(logP), VectorMath.Exp(logQ));
                var t = SlopeOf(logP, logQ);
                slope = T.FusedMultiplyAdd(p, t, slope);
                divergence = _beta switch
                {
                    0 => T.FusedMultiplyAdd(q, logQ - logP, divergence),
                    1 => T.FusedMultiplyAdd(p, t, divergence),
                    _ => T.FusedMultiplyAdd(p, t, T.FusedMultiplyAdd(q * T.Broadcast(_beta), (logQ - logP) + LogShare(logP, logQ), divergence)),
                };
            }

            return (T.Sum(divergence), T.Sum(slope));
        }

        /// <summary>Overwrites the student's logits.</summary>
        public void WriteSlopes(float slope, float weight, float cap)
        {
            var (mean, scale, inverseCap) = (T.Broadcast(slope), T.Broadcast(weight), T.Broadcast(cap > 0 ? 1 / cap : 0f));
            for (var c = 0; c < _count; c += ILanes<T>.Count)
            {
                var (logP, logQ) = LogsAt(c);
                var p = VectorMath.Exp(logP);
                var gradient = scale * (_beta == 0 ? p - VectorMath.Exp(logQ) : p * (SlopeOf(logP, logQ) - mean));
                var tanh = VectorMath.LoadFirst<T>(_student + c, _count - c) * inverseCap; // 0 without a cap
                VectorMath.StoreFirst(_student + c, _count - c, gradient * (T.Broadcast(1f) - (tanh * tanh)));
            }
        }

        // Lanes past the end have a probability of exactly zero, and logarithms that are finite.
        private (T Student, T Teacher) LogsAt(int c) => (
            (VectorMath.LoadFirst<T>(_student + c, _count - c, -1e30f) * _scale) - _studentSum,
            (VectorMath.LoadFirst<T>(_teacher + c, _count - c, -1e30f) * _scale) - _teacherSum);

        private T SlopeOf(T logP, T logQ) => _beta switch
        {
            0 => T.Broadcast(0f), // not read
            1 => logP - logQ,
            _ => T.Broadcast(1 - _beta) * LogShare(logP, logQ),
        };

        /// <summary>log p - log m, with m = beta q + (1 - beta) p.</summary>
        private T LogShare(T logP, T logQ) => T.Broadcast(0f) - (_rest + VectorMath.SoftPlus((logQ - logP) + _odds));

        private static float LogSumExp(float* logits, int count, T scale)
        {
            var largest = T.Broadcast(float.NegativeInfinity);
            for (var c = 0; c < count; c += ILanes<T>.Count)
            {
                largest = T.Max(largest, VectorMath.LoadFirst<T>(logits + c, count - c, float.NegativeInfinity) * scale);
            }

            var (top, sum) = (T.Largest(largest), T.Broadcast(0f));
            for (var c = 0; c < count; c += ILanes<T>.Count)
            {
                sum += VectorMath.Exp((VectorMath.LoadFirst<T>(logits + c, count - c, -1e30f) * scale) - T.Broadcast(top));
            }

            return top + (float)Math.Log(T.Sum(sum));
        }
    }
}
