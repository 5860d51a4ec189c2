namespace Rlhf.Compute.Cpu.Simd;

/// <summary>Sixteen lanes one after another, without vector instructions.</summary>
internal unsafe struct LanesScalar : ILanes<LanesScalar>
{
    private fixed float _lanes[ILanes<LanesScalar>.Count];

    public static bool HasWideRegisterFile => false;

    public static LanesScalar Load(float* source)
    {
        LanesScalar result;
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            result._lanes[i] = source[i];
        }

        return result;
    }

    public static LanesScalar Widen(ushort* source)
    {
        LanesScalar result;
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            result._lanes[i] = BFloat16.Widen(source[i]);
        }

        return result;
    }

    public static void Store(float* destination, LanesScalar value)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            destination[i] = value._lanes[i];
        }
    }

    public static LanesScalar LoadFirst(float* source, long count, float others) => VectorMath.LoadTail<LanesScalar>(source, count, others);

    public static void StoreFirst(float* destination, long count, LanesScalar value) => VectorMath.StoreTail(destination, count, value);

    public static LanesScalar Broadcast(float value)
    {
        LanesScalar result;
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            result._lanes[i] = value;
        }

        return result;
    }

    public static LanesScalar operator +(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] += b._lanes[i];
        }

        return a;
    }

    public static LanesScalar operator -(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] -= b._lanes[i];
        }

        return a;
    }

    public static LanesScalar operator *(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] *= b._lanes[i];
        }

        return a;
    }

    public static LanesScalar operator /(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] /= b._lanes[i];
        }

        return a;
    }

    public static LanesScalar FusedMultiplyAdd(LanesScalar a, LanesScalar b, LanesScalar c)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            c._lanes[i] = MathF.FusedMultiplyAdd(a._lanes[i], b._lanes[i], c._lanes[i]);
        }

        return c;
    }

    public static LanesScalar Max(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] = a._lanes[i] > b._lanes[i] ? a._lanes[i] : b._lanes[i];
        }

        return a;
    }

    public static LanesScalar Min(LanesScalar a, LanesScalar b)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            a._lanes[i] = a._lanes[i] < b._lanes[i] ? a._lanes[i] : b._lanes[i];
        }

        return a;
    }

    public static LanesScalar SquareRoot(LanesScalar value)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            value._lanes[i] = MathF.Sqrt(value._lanes[i]);
        }

        return value;
    }

    public static LanesScalar Round(LanesScalar value)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            value._lanes[i] = MathF.Round(value._lanes[i], MidpointRounding.ToEven);
        }

        return value;
    }

    public static LanesScalar PowerOfTwo(LanesScalar n)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            n._lanes[i] = BitConverter.Int32BitsToSingle(((int)n._lanes[i] + 127) << 23);
        }

        return n;
    }

    public static LanesScalar SelectGreaterOrEqual(LanesScalar a, LanesScalar b, LanesScalar yes, LanesScalar no)
    {
        for (var i = 0; i < ILanes<LanesScalar>.Count; i++)
        {
            no._lanes[i] = a._lanes[i] >= b._lanes[i] ? yes._lanes[i] : no._lanes[i];
        }

        return no;
    }

    public static float Sum(LanesScalar value)
    {
        for (var half = ILanes<LanesScalar>.Count / 2; half > 0; half /= 2)
        {
            for (var i = 0; i < half; i++)
            {
                value._lanes[i] += value._lanes[i + half];
            }
        }

        return value._lanes[0];
    }

    public static float Largest(LanesScalar value)
    {
        var largest = value._lanes[0];
        for (var i = 1; i < ILanes<LanesScalar>.Count; i++)
        {
            largest = value._lanes[i] > largest ? value._lanes[i] : largest;
        }

        return largest;
    }
}
