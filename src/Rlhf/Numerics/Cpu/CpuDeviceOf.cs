using Rlhf.Numerics.Cpu.OneDnn;
using Rlhf.Numerics.Cpu.Simd;

namespace Rlhf.Numerics.Cpu;

/// <summary>The operations on one instruction set: checks sizes, then calls the static kernels.</summary>
/// <typeparam name="T">The lanes that the kernels are compiled for.</typeparam>
internal sealed unsafe class CpuDevice<T> : IDevice
    where T : unmanaged, ILanes<T>
{
    private readonly InstructionSet _instructionSet;
    private readonly OneDnnLibrary? _library; // for bfloat16
    private readonly WorkerPool _pool;
    private readonly IMatrixProducts _products;
    private readonly Workspace _packed = new();
    private readonly Workspace _chunk = new();
    private readonly Workspace _logits = new();
    private readonly Workspace _states = new();
    private long _allocated; // bytes; owners free from any thread

    public CpuDevice(int threads, InstructionSet instructionSet, Precision precision)
    {
        (_instructionSet, Precision) = (instructionSet, precision);
        _library = precision == Precision.Bf16 ? OneDnnLibrary.Require() : null;
        _pool = new WorkerPool(threads);
        _products = _library is null ? new Float32Products<T>(_pool) : new BFloat16Products<T>(_pool, _library);
    }

    public Precision Precision { get; }

    public string Description =>
        $"CPU, {_instructionSet.ToString().ToLowerInvariant()}, {_pool.Threads} thread{(_pool.Threads == 1 ? "" : "s")}{(_library is null ? "" : $", bf16 by oneDNN {_library.Version}")}";

    public long HeldBytes => Interlocked.Read(ref _allocated) + _packed.Bytes + _chunk.Bytes + _logits.Bytes + _states.Bytes;

    public DeviceMemory Allocate(long floats)
    {
        ArgumentOutOfRangeException.ThrowIfNegativeOrZero(floats);
        var bytes = checked(floats * sizeof(float));
        var memory = CpuMemory.Allocate(bytes);
        GC.AddMemoryPressure(bytes);
        Interlocked.Add(ref _allocated, bytes);
        return new DeviceMemory(new FloatBuffer(memory, floats), buffer =>
        {
            CpuMemory.Free(buffer.Pointer, bytes);
            GC.RemoveMemoryPressure(bytes);
            Interlocked.Add(ref _allocated, -bytes);
        });
    }

    public void CopyIn(ReadOnlySpan<float> source, FloatBuffer destination)
    {
        Need(destination, source.Length);
        source.CopyTo(new Span<float>(destination.Pointer, source.Length));
    }

    public void CopyIn(ReadOnlySpan<int> source, IntBuffer destination)
    {
        ArgumentOutOfRangeException.ThrowIfGreaterThan(source.Length, destination.Length);
        source.CopyTo(new Span<int>(destination.Pointer, source.Length));
    }

    public void CopyOut(FloatBuffer source, Span<float> destination)
    {
        Need(source, destination.Length);
        new ReadOnlySpan<float>(source.Pointer, destination.Length).CopyTo(destination);
    }

    public void Copy(FloatBuffer source, FloatBuffer destination)
    {
        Need(destination, source.Length);
        Buffer.MemoryCopy(source.Pointer, destination.Pointer, destination.Length * sizeof(float), source.Length * sizeof(float));
    }

    public void Fill(FloatBuffer buffer, float value)
    {
        for (long i = 0; i < buffer.Length; i += 1 << 30)
        {
            new Span<float>(buffer.Pointer + i, (int)Math.Min(1 << 30, buffer.Length - i)).Fill(value);
        }
    }

    public long PackedLength(int inputs, int outputs, Precision storage = Precision.F32) => _products.PackedLength(inputs, outputs, storage);

    public void PackWeights(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, PackedMatrix packed)
    {
        Need(weights, (long)inputs * outputs);
        Need(packed, inputs, outputs);
        var (rowStride, columnStride) = layout == WeightLayout.InputMajor ? ((long)outputs, 1L) : (1L, inputs);
        _products.Pack(inputs, outputs, weights.Pointer, rowStride, columnStride, packed.Numbers.Pointer, packed.Storage);
    }

    public void PackWeightsTransposed(FloatBuffer weights, WeightLayout layout, int inputs, int outputs, FloatBuffer packed)
    {
        Need(weights, (long)inputs * outputs);
        Need(packed, PackedLength(outputs, inputs));
        var (rowStride, columnStride) = layout == WeightLayout.InputMajor ? (1L, (long)outputs) : (inputs, 1L);
        _products.Pack(outputs, inputs, weights.Pointer, rowStride, columnStride, packed.Pointer);
    }

    public void LinearForward(FloatBuffer x, PackedMatrix packed, FloatBuffer bias, int rows, int inputs, Outputs outputs, FloatBuffer y)
    {
        Need(outputs);
        Need(x, (long)rows * inputs);
        Need(packed, inputs, outputs.All);
        Need(y, (long)rows * outputs.All);
        NeedOrEmpty(bias, outputs.All);
        _products.Run(
            rows, outputs.Count, inputs, x.Pointer, inputs, 1, new PackedOperand(packed, inputs, firstColumn: outputs.First), y.Pointer + outputs.First, outputs.All,
            bias.IsEmpty ? MatMulStart.Zero : MatMulStart.Bias, bias.Pointer + outputs.First);
    }

    public void LinearBackwardInput(FloatBuffer dy, FloatBuffer packedTransposed, int rows, int inputs, Outputs outputs, bool accumulate, FloatBuffer dx)
    {
        Need(outputs);
        Need(dy, (long)rows * outputs.All);
        Need(packedTransposed, PackedLength(outputs.All, inputs));
        Need(dx, (long)rows * inputs);
        _products.Run(
            rows, inputs, outputs.Count, dy.Pointer + outputs.First, outputs.All, 1, new PackedOperand(packedTransposed.Pointer, outputs.All, firstRow: outputs.First), dx.Pointer, inputs,
            accumulate ? MatMulStart.Accumulate : MatMulStart.Zero, null);
    }

    public void LinearBackwardWeights(FloatBuffer x, FloatBuffer dy, int rows, int inputs, Outputs outputs, WeightLayout layout, FloatBuffer dWeights, FloatBuffer dBias)
    {
        Need(outputs);
        Need(x, (long)rows * inputs);
        Need(dy, (long)rows * outputs.All);
        Need(dWeights, (long)inputs * outputs.All);
        NeedOrEmpty(dBias, outputs.All);
        var slopes = dy.From(outputs.First);
        var (left, leftCount, leftStride, right, rightCount, rightStride, first) = layout == WeightLayout.InputMajor
            ? (x, inputs, inputs, slopes, outputs.Count, outputs.All, outputs.First)
            : (slopes, outputs.Count, outputs.All, x, inputs, inputs, (long)outputs.First * inputs);
        var packed = _packed.AtLeast(_products.PackedLength(rows, rightCount));
        if (layout == WeightLayout.InputMajor && !dBias.IsEmpty)
        {
            _products.PackAndSum(rows, rightCount, right.Pointer, rightStride, packed, dBias.Pointer + outputs.First);
        }
        else
        {
            _products.Pack(rows, rightCount, right.Pointer, rightStride, 1, packed);
        }

        _products.Run(leftCount, rightCount, rows, left.Pointer, 1, leftStride, new PackedOperand(packed, rows), dWeights.Pointer + first, rightStride, MatMulStart.Accumulate, null);
        if (layout == WeightLayout.OutputMajor && !dBias.IsEmpty)
        {
            ColumnSums.Add<T>(_pool, slopes.Pointer, rows, outputs.Count, outputs.All, dBias.Pointer + outputs.First);
        }
    }

    public void LayerNormForward(FloatBuffer x, FloatBuffer gain, FloatBuffer bias, int rows, int width, float epsilon, FloatBuffer y, FloatBuffer mean, FloatBuffer reciprocalDeviation)
    {
        NeedMatrix(rows, width, x, y);
        NeedEach(width, gain, bias);
        NeedEach(rows, mean, reciprocalDeviation);
        LayerNorm.Forward<T>(_pool, new LayerNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Bias = bias.Pointer,
            Y = y.Pointer,
            Mean = mean.Pointer,
            ReciprocalDeviation = reciprocalDeviation.Pointer,
            Rows = rows,
            Width = width,
            Epsilon = epsilon,
        });
    }

    public void LayerNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer mean, FloatBuffer reciprocalDeviation, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dGain, FloatBuffer dBias)
    {
        NeedMatrix(rows, width, x, dy, dx);
        NeedEach(width, gain, dGain, dBias);
        NeedEach(rows, mean, reciprocalDeviation);
        LayerNorm.Backward<T>(_pool, new LayerNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Mean = mean.Pointer,
            ReciprocalDeviation = reciprocalDeviation.Pointer,
            Dy = dy.Pointer,
            Dx = dx.Pointer,
            DGain = dGain.Pointer,
            DBias = dBias.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void RmsNormForward(FloatBuffer x, FloatBuffer gain, int rows, int groups, int width, int rowStride, float epsilon, FloatBuffer y, FloatBuffer reciprocalRoot)
    {
        NeedStrided(rows, groups * width, rowStride, x, y);
        Need(gain, width);
        Need(reciprocalRoot, (long)rows * groups);
        RmsNorm.Forward<T>(_pool, new RmsNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            Y = y.Pointer,
            ReciprocalRoot = reciprocalRoot.Pointer,
            Rows = rows,
            Groups = groups,
            Width = width,
            RowStride = rowStride,
            Epsilon = epsilon,
        });
    }

    public void RmsNormBackward(FloatBuffer x, FloatBuffer gain, FloatBuffer reciprocalRoot, FloatBuffer dy, int rows, int groups, int width, int rowStride, bool accumulate, FloatBuffer dx, FloatBuffer dGain)
    {
        NeedStrided(rows, groups * width, rowStride, x, dy, dx);
        NeedEach(width, gain, dGain);
        Need(reciprocalRoot, (long)rows * groups);
        RmsNorm.Backward<T>(_pool, new RmsNorm.Arguments
        {
            X = x.Pointer,
            Gain = gain.Pointer,
            ReciprocalRoot = reciprocalRoot.Pointer,
            Dy = dy.Pointer,
            Dx = dx.Pointer,
            DGain = dGain.Pointer,
            Rows = rows,
            Groups = groups,
            Width = width,
            RowStride = rowStride,
            Accumulate = accumulate,
        });
    }

    public void GeluForward(FloatBuffer x, FloatBuffer y)
    {
        Need(y, x.Length);
        Gelu.Forward<T>(_pool, new Gelu.Arguments { X = x.Pointer, Y = y.Pointer, Length = x.Length });
    }

    public void GeluBackward(FloatBuffer x, FloatBuffer dy, FloatBuffer dx)
    {
        Need(dy, x.Length);
        Need(dx, x.Length);
        Gelu.Backward<T>(_pool, new Gelu.Arguments { X = x.Pointer, Dy = dy.Pointer, Dx = dx.Pointer, Length = x.Length });
    }

    public void SwiGluForward(FloatBuffer gateUp, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, 2 * width, gateUp);
        NeedMatrix(rows, width, y);
        SwiGlu.Forward<T>(_pool, new SwiGlu.Arguments { GateUp = gateUp.Pointer, Y = y.Pointer, Rows = rows, Width = width });
    }

    public void SwiGluBackward(FloatBuffer gateUp, FloatBuffer dy, int rows, int width, FloatBuffer dGateUp)
    {
        NeedMatrix(rows, 2 * width, gateUp, dGateUp);
        NeedMatrix(rows, width, dy);
        SwiGlu.Backward<T>(_pool, new SwiGlu.Arguments { GateUp = gateUp.Pointer, Dy = dy.Pointer, DGateUp = dGateUp.Pointer, Rows = rows, Width = width });
    }

    public void Rotate(FloatBuffer x, IntBuffer positions, FloatBuffer cosines, FloatBuffer sines, int rows, int heads, int headWidth, int rowStride, bool inverse)
    {
        NeedStrided(rows, heads * headWidth, rowStride, x);
        ArgumentOutOfRangeException.ThrowIfLessThan(positions.Length, rows);
        Rotary.Rotate(_pool, new Rotary.Arguments
        {
            X = x.Pointer,
            Positions = positions.Pointer,
            Cosines = cosines.Pointer,
            Sines = sines.Pointer,
            Rows = rows,
            Heads = heads,
            HeadWidth = headWidth,
            RowStride = rowStride,
            Inverse = inverse,
        });
    }

    public long KeyValueLength(AttentionShape shape, int capacity) => Attention.KeyValueLength(shape, capacity, Precision);

    public void AttentionForward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer keyValues, FloatBuffer output, FloatBuffer logSumExp)
    {
        var rows = Rows(sequences);
        NeedMatrix(rows, shape.RowWidth, qkv);
        NeedMatrix(rows, shape.OutputWidth, output);
        NeedOrEmpty(logSumExp, (long)rows * shape.Heads);
        NeedSpans(sequences);
        foreach (var sequence in sequences)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan(sequence.Past + sequence.Rows - sequence.FirstStored, sequence.Capacity);
            Need(keyValues, sequence.Store + KeyValueLength(shape, sequence.Capacity));
        }

        fixed (SequenceSpan* spans = sequences)
        {
            var arguments = new Attention.Arguments
            {
                Qkv = qkv.Pointer,
                KeyValues = keyValues.Pointer,
                Output = output.Pointer,
                LogSumExp = logSumExp.Pointer,
                Sequences = spans,
                Count = sequences.Length,
                Shape = shape,
            };
            if (Precision == Precision.Bf16)
            {
                Attention.Forward<T, ushort>(_pool, arguments);
            }
            else
            {
                Attention.Forward<T, float>(_pool, arguments);
            }
        }
    }

    public void AttentionBackward(FloatBuffer qkv, ReadOnlySpan<SequenceSpan> sequences, AttentionShape shape, FloatBuffer output, FloatBuffer logSumExp, FloatBuffer dOutput, FloatBuffer dQkv)
    {
        var rows = Rows(sequences);
        NeedMatrix(rows, shape.RowWidth, qkv, dQkv);
        NeedMatrix(rows, shape.OutputWidth, output, dOutput);
        Need(logSumExp, (long)rows * shape.Heads);
        NeedSpans(sequences);
        foreach (var sequence in sequences)
        {
            if (sequence.Past > 0 && sequence.Prefix < 0)
            {
                throw new ArgumentException("A sequence whose earlier positions are in a cache has no backward pass.");
            }
        }

        fixed (SequenceSpan* spans = sequences)
        {
            AttentionGradient.Run<T>(
                _pool,
                new Attention.Arguments
                {
                    Qkv = qkv.Pointer,
                    Output = output.Pointer,
                    LogSumExp = logSumExp.Pointer,
                    DOutput = dOutput.Pointer,
                    DQkv = dQkv.Pointer,
                    Sequences = spans,
                    Count = sequences.Length,
                    Shape = shape,
                });
        }
    }

    public void CopyKeyValues(FloatBuffer source, FloatBuffer destination, AttentionShape shape, int capacity, int positions)
    {
        NeedEach(KeyValueLength(shape, capacity), source, destination);
        ArgumentOutOfRangeException.ThrowIfGreaterThan(positions, capacity);
        if (Precision == Precision.Bf16)
        {
            Attention.CopyKeyValues<ushort>(source.Pointer, destination.Pointer, shape, capacity, positions);
        }
        else
        {
            Attention.CopyKeyValues<float>(source.Pointer, destination.Pointer, shape, capacity, positions);
        }
    }

    public void EmbeddingForward(IntBuffer tokens, IntBuffer positions, FloatBuffer tokenTable, FloatBuffer positionTable, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, width, y);
        Embedding.Forward<T>(_pool, new Embedding.Arguments
        {
            Tokens = tokens.Pointer,
            Positions = positions.Pointer,
            TokenTable = tokenTable.Pointer,
            PositionTable = positionTable.Pointer,
            Y = y.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void EmbeddingBackward(IntBuffer tokens, IntBuffer positions, FloatBuffer dy, int rows, int width, FloatBuffer dTokenTable, FloatBuffer dPositionTable)
    {
        NeedMatrix(rows, width, dy);
        Embedding.Backward<T>(_pool, new Embedding.Arguments
        {
            Tokens = tokens.Pointer,
            Positions = positions.Pointer,
            TokenTable = dTokenTable.Pointer,
            PositionTable = dPositionTable.Pointer,
            Y = dy.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void AddUniformNoise(FloatBuffer x, FloatBuffer rowScales, int rows, int width, Dropout counter)
    {
        NeedMatrix(rows, width, x);
        Need(rowScales, rows);
        Dropping.AddUniformNoise(_pool, new Dropping.Arguments { X = x.Pointer, RowScales = rowScales.Pointer, Rows = rows, Width = width, Dropout = counter });
    }

    public void AddDropped(FloatBuffer x, FloatBuffer y, int rows, int width, Dropout dropout, IntBuffer rowNumbers, FloatBuffer output)
    {
        NeedMatrix(rows, width, y, output);
        NeedOrEmpty(x, (long)rows * width);
        ArgumentOutOfRangeException.ThrowIfLessThan(rowNumbers.Length == 0 ? rows : rowNumbers.Length, rows, nameof(rowNumbers));
        if (dropout.IsActive)
        {
            Dropping.AddDropped(_pool, new Dropping.Arguments { X = x.Pointer, Y = y.Pointer, Output = output.Pointer, Rows = rows, Width = width, Dropout = dropout, RowNumbers = rowNumbers.Pointer });
        }
        else
        {
            Flat.Add<T>(_pool, x.Pointer, y.Pointer, (long)rows * width, output.Pointer);
        }
    }

    public void GatherRows(FloatBuffer x, IntBuffer rowNumbers, int count, int width, FloatBuffer y)
    {
        NeedMatrix(count, width, y);
        Cpu.Rows.Gather(_pool, new Rows.Arguments { X = x.Pointer, Y = y.Pointer, Numbers = rowNumbers.Pointer, Count = count, Width = width });
    }

    public void ScatterAddRows(FloatBuffer dy, IntBuffer rowNumbers, int count, int width, FloatBuffer dx)
    {
        NeedMatrix(count, width, dy);
        Cpu.Rows.ScatterAdd(_pool, new Rows.Arguments { X = dx.Pointer, Y = dy.Pointer, Numbers = rowNumbers.Pointer, Count = count, Width = width });
    }

    public void LanguageHeadForward(
        FloatBuffer hidden, PackedMatrix packed, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities, FloatBuffer entropies, FloatBuffer logSumExp,
        FloatBuffer logits)
    {
        NeedMatrix(rows, width, hidden);
        NeedEach(rows, logProbabilities, entropies, logSumExp);
        ArgumentOutOfRangeException.ThrowIfLessThan(targets.Length, rows);
        Need(packed, width, vocabulary);
        NeedOrEmpty(logits, (long)rows * vocabulary);
        var whole = new LanguageHead.Arguments
        {
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            States = States(rows),
            LogProbabilities = logProbabilities.Pointer,
            Entropies = entropies.Pointer,
            LogSumExp = logSumExp.Pointer,
        };
        LanguageHead.Begin(whole.States, rows);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, logits.Pointer);
                ChunkLogits(ref block, hidden.Pointer + ((long)first * width), packed, width, recompute: true);
                LanguageHead.Fold<T>(_pool, block);
            }
        }

        LanguageHead.Finish(whole);
    }

    public void LanguageHeadBackward(
        FloatBuffer hidden, PackedMatrix packed, FloatBuffer weights, IntBuffer targets, int rows, int width, int vocabulary, float inverseTemperature,
        FloatBuffer entropies, FloatBuffer logSumExp, FloatBuffer logits, FloatBuffer dLogProbabilities, FloatBuffer dEntropies, FloatBuffer dHidden, FloatBuffer dWeights)
    {
        NeedMatrix(rows, width, hidden, dHidden);
        NeedEach(rows, logSumExp, dLogProbabilities);
        ArgumentOutOfRangeException.ThrowIfLessThan(targets.Length, rows);
        NeedOrEmpty(dEntropies, rows);
        NeedEach(dEntropies.IsEmpty ? 0 : rows, entropies);
        Need(packed, width, vocabulary);
        Need(weights, (long)vocabulary * width);
        NeedOrEmpty(logits, (long)rows * vocabulary);
        NeedOrEmpty(dWeights, (long)vocabulary * width);
        var whole = new LanguageHead.Arguments
        {
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            LogSumExp = logSumExp.Pointer,
            DLogProbabilities = dLogProbabilities.Pointer,
            DEntropies = dEntropies.Pointer,
            Entropies = entropies.Pointer,
        };
        var packedHidden = _packed.AtLeast(_products.PackedLength(rows, width));
        _products.Pack(rows, width, hidden.Pointer, width, 1, packedHidden);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            var columns = Math.Min(LanguageHead.ChunkColumns, vocabulary - column);
            var packedChunk = _chunk.AtLeast(_products.PackedLength(columns, width));
            _products.Pack(columns, width, weights.Pointer + ((long)column * width), width, 1, packedChunk);
            for (var first = 0; first < rows; first += LanguageHead.BlockRows)
            {
                var block = whole.Block(first, column, vocabulary, logits.Pointer);
                ChunkLogits(ref block, hidden.Pointer + ((long)first * width), packed, width, recompute: logits.IsEmpty);
                LanguageHead.Differentiate<T>(_pool, block);
                _products.Run(
                    block.Rows, width, columns, block.Logits, block.LogitStride, 1, new PackedOperand(packedChunk, columns),
                    dHidden.Pointer + ((long)first * width), width, column == 0 ? MatMulStart.Zero : MatMulStart.Accumulate, null);
                if (!dWeights.IsEmpty)
                {
                    _products.Run(
                        columns, width, block.Rows, block.Logits, 1, block.LogitStride, new PackedOperand(packedHidden, rows, firstRow: first),
                        dWeights.Pointer + ((long)column * width), width, MatMulStart.Accumulate, null);
                }
            }
        }
    }

    public void LogProbabilities(FloatBuffer logits, IntBuffer targets, int rows, int vocabulary, float inverseTemperature, FloatBuffer logProbabilities)
    {
        NeedMatrix(rows, vocabulary, logits);
        Need(logProbabilities, rows);
        var block = new LanguageHead.Arguments
        {
            LogitStride = vocabulary,
            Targets = targets.Pointer,
            Rows = rows,
            InverseTemperature = inverseTemperature,
            States = States(rows),
            LogProbabilities = logProbabilities.Pointer,
        };
        LanguageHead.Begin(block.States, rows);
        for (var column = 0; column < vocabulary; column += LanguageHead.ChunkColumns)
        {
            block.Logits = logits.Pointer + column;
            block.FirstColumn = column;
            block.Columns = Math.Min(LanguageHead.ChunkColumns, vocabulary - column);
            LanguageHead.Fold<T>(_pool, block);
        }

        LanguageHead.Finish(block);
    }

    public void ScalarHeadForward(FloatBuffer x, FloatBuffer weights, FloatBuffer bias, int rows, int width, FloatBuffer y)
    {
        NeedMatrix(rows, width, x);
        Need(weights, width);
        Need(bias, 1);
        Need(y, rows);
        ScalarHead.Forward<T>(_pool, new ScalarHead.Arguments { X = x.Pointer, Weights = weights.Pointer, Bias = bias.Pointer, Y = y.Pointer, Rows = rows, Width = width });
    }

    public void ScalarHeadBackward(FloatBuffer x, FloatBuffer weights, FloatBuffer dy, int rows, int width, FloatBuffer dx, FloatBuffer dWeights, FloatBuffer dBias)
    {
        NeedMatrix(rows, width, x, dx);
        NeedEach(width, weights, dWeights);
        Need(dy, rows);
        Need(dBias, 1);
        ScalarHead.Backward<T>(_pool, new ScalarHead.Arguments
        {
            X = x.Pointer,
            Weights = weights.Pointer,
            Y = dy.Pointer,
            Dx = dx.Pointer,
            DWeights = dWeights.Pointer,
            DBias = dBias.Pointer,
            Rows = rows,
            Width = width,
        });
    }

    public void AdamW(FloatBuffer parameters, FloatBuffer gradients, FloatBuffer firstMoments, FloatBuffer secondMoments, AdamWStep step)
    {
        NeedEach(parameters.Length, gradients, firstMoments, secondMoments);
        AdamWUpdate.Run<T>(_pool, parameters.Pointer, gradients.Pointer, firstMoments.Pointer, secondMoments.Pointer, parameters.Length, step);
    }

    public double SquaredNorm(FloatBuffer x) => Flat.SquaredNorm(_pool, x.Pointer, x.Length);

    public void MoveTowards(FloatBuffer x, FloatBuffer target, float fraction)
    {
        Need(target, x.Length);
        Flat.MoveTowards<T>(_pool, x.Pointer, target.Pointer, x.Length, fraction);
    }

    public void Dispose()
    {
        _products.Dispose();
        _pool.Dispose();
        _packed.Dispose();
        _chunk.Dispose();
        _logits.Dispose();
        _states.Dispose();
    }

    private LanguageHead.RowState* States(int rows) => (LanguageHead.RowState*)_states.AtLeast((long)rows * (sizeof(LanguageHead.RowState) / sizeof(float)));

    /// <summary>The block's logits: those that stand there, or computed (into the kept ones if there are any).</summary>
    private void ChunkLogits(ref LanguageHead.Arguments block, float* hidden, PackedMatrix packed, int width, bool recompute)
    {
        if (block.Logits == null)
        {
            block.Logits = _logits.AtLeast((long)LanguageHead.BlockRows * LanguageHead.ChunkColumns);
        }

        if (recompute)
        {
            _products.Run(
                block.Rows, block.Columns, width, hidden, width, 1, new PackedOperand(packed, width, firstColumn: block.FirstColumn), block.Logits, block.LogitStride, MatMulStart.Zero, null);
        }
    }

    private static int Rows(ReadOnlySpan<SequenceSpan> sequences)
    {
        var rows = 0;
        foreach (var sequence in sequences)
        {
            rows = Math.Max(rows, sequence.FirstRow + sequence.Rows);
        }

        return rows;
    }

    /// <summary>Queries begin inside of a span or at its end. A branch stands behind its prompt or behind another branch of it, and goes on from the prompt's last row.</summary>
    private static void NeedSpans(ReadOnlySpan<SequenceSpan> sequences)
    {
        for (var i = 0; i < sequences.Length; i++)
        {
            ArgumentOutOfRangeException.ThrowIfGreaterThan((uint)sequences[i].FirstQuery, (uint)sequences[i].Rows);
            var prefix = sequences[i].Prefix;
            if (prefix >= 0 && (i == 0 || (prefix != i - 1 && prefix != sequences[i - 1].Prefix) || sequences[prefix] is not { Prefix: < 0, Past: 0 } || sequences[prefix].Rows != sequences[i].Past))
            {
                throw new ArgumentException($"Span {i} is no branch of span {prefix}.");
            }
        }
    }

    private static void Need(FloatBuffer buffer, long length)
    {
        if (buffer.Length < length)
        {
            throw new ArgumentException($"A buffer of {buffer.Length} numbers stands where {length} are needed.");
        }
    }

    private static void Need(Outputs outputs)
    {
        var end = (long)outputs.First + outputs.Count;
        if (outputs.First < 0 || outputs.Count < 0 || end > outputs.All || outputs.First % Outputs.Step != 0 || (end < outputs.All && end % Outputs.Step != 0))
        {
            throw new ArgumentException($"{outputs} is no range of whole steps of {Outputs.Step} columns.");
        }
    }

    private void Need(PackedMatrix packed, int inputs, int outputs) => Need(packed.Numbers, PackedLength(inputs, outputs, packed.Storage));

    private static void NeedOrEmpty(FloatBuffer buffer, long length)
    {
        if (!buffer.IsEmpty)
        {
            Need(buffer, length);
        }
    }

    private static void NeedEach(long length, params ReadOnlySpan<FloatBuffer> buffers)
    {
        foreach (var buffer in buffers)
        {
            Need(buffer, length);
        }
    }

    private static void NeedMatrix(int rows, int width, params ReadOnlySpan<FloatBuffer> buffers) => NeedEach((long)rows * width, buffers);

    private static void NeedStrided(int rows, int width, int rowStride, params ReadOnlySpan<FloatBuffer> buffers) =>
        NeedEach(rows == 0 ? 0 : ((long)(rows - 1) * rowStride) + width, buffers);

    /// <summary>Memory of the device's own that grows to the largest call and stays.</summary>
    private sealed class Workspace : IDisposable
    {
        private float* _memory;
        private long _length;

        public long Bytes => _length * sizeof(float);

        public float* AtLeast(long floats)
        {
            if (floats > _length)
            {
                Dispose();
                _memory = CpuMemory.Allocate(checked(floats * sizeof(float)));
                _length = floats;
            }

            return _memory;
        }

        public void Dispose()
        {
            CpuMemory.Free(_memory, Bytes);
            _memory = null;
            _length = 0;
        }
    }
}
