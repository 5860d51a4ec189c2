namespace Rlhf.Model.Checkpoints;

/// <summary>
/// Adds one adapter's product to one weight, part by part as it is read: W + scale B A (Hu 2021, section 4.1), and with a magnitude m the rows of that brought
/// to length m (DoRA, Liu 2024, equation 5). In float64, rounded once.
/// </summary>
internal sealed class AdapterUpdate
{
    private readonly LowRank _change;
    private readonly bool _isInputMajor;
    private readonly int _columns;
    private readonly int[] _fileRows;
    private readonly double[]? _squares;
    private readonly double[] _row;
    private float[] _updated = [];
    private int _rowAt = -1;

    /// <summary>Prepares the update.</summary>
    /// <param name="change">What is added.</param>
    /// <param name="parameter">The weight: [outputs, inputs], or [inputs, outputs], or an embedding [vocabulary, width].</param>
    /// <param name="isInputMajor">The weight is [inputs, outputs].</param>
    public AdapterUpdate(LowRank change, Parameter parameter, bool isInputMajor)
    {
        (_change, _isInputMajor, _columns) = (change, isInputMajor, parameter.Shape[1]);
        _squares = change.Magnitude is null ? null : new double[change.Magnitude.Length];
        _row = new double[_columns];
        _fileRows = new int[parameter.Shape[0]];
        foreach (var (file, buffer, length) in parameter.Runs(0, parameter.Length))
        {
            for (var i = 0L; i < length; i += _columns)
            {
                _fileRows[(buffer + i) / _columns] = (int)((file + i) / _columns);
            }
        }
    }

    /// <summary>Counts a part of the weight for the lengths of its outputs; with a magnitude, all of it comes here first.</summary>
    /// <param name="first">Where the part begins, in the buffer's order.</param>
    /// <param name="values">The part.</param>
    public void AddToNorms(long first, ReadOnlySpan<float> values)
    {
        for (var i = 0; i < values.Length; i++)
        {
            var (row, column) = Place(first + i);
            var value = values[i] + _row[column];
            _squares![_isInputMajor ? column : _fileRows[row]] += value * value;
        }
    }

    /// <summary>The updated part, good until the next call.</summary>
    /// <param name="first">Where the part begins, in the buffer's order.</param>
    /// <param name="values">The part.</param>
    public ReadOnlySpan<float> Apply(long first, ReadOnlySpan<float> values)
    {
        if (_updated.Length < values.Length)
        {
            _updated = new float[values.Length];
        }

        for (var i = 0; i < values.Length; i++)
        {
            var (row, column) = Place(first + i);
            var value = values[i] + _row[column];
            if (_squares is not null)
            {
                var output = _isInputMajor ? column : _fileRows[row];
                value *= _change.Magnitude![output] / Math.Sqrt(_squares[output]);
            }

            _updated[i] = (float)value;
        }

        return _updated.AsSpan(0, values.Length);
    }

    private (int Row, int Column) Place(long index)
    {
        var row = (int)(index / _columns);
        if (row != _rowAt)
        {
            FillRow(_fileRows[row]);
            _rowAt = row;
        }

        return (row, (int)(index % _columns));
    }

    // One row of scale B A as the weight has it: of an input-major weight or an embedding, of its transpose.
    private void FillRow(int row)
    {
        Array.Clear(_row);
        var (a, b, rank) = (_change.A, _change.B, _change.Rank);
        var isTransposed = _isInputMajor || _change.IsLookup;
        for (var k = 0; k < rank; k++)
        {
            if (isTransposed)
            {
                var factor = _change.Scale * a[(k * (a.Length / rank)) + row];
                for (var column = 0; column < _columns; column++)
                {
                    _row[column] += factor * b[(column * rank) + k];
                }
            }
            else
            {
                var factor = _change.Scale * b[(row * rank) + k];
                var line = a.AsSpan(k * _columns, _columns);
                for (var column = 0; column < _columns; column++)
                {
                    _row[column] += factor * line[column];
                }
            }
        }
    }
}
