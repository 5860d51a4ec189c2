using Rlhf.Batching;

namespace Rlhf.Tests.Batching;

public sealed class PortionsTests
{
    private const int Most = 1 << 20;

    [Fact]
    public void Rows_stay_in_order_and_a_part_ends_before_it_would_have_too_many_tokens() =>
        Assert.Equal([[Most / 2, Most / 2], [1, Most - 2], [2]], Portions.Of([Most / 2, Most / 2, 1, Most - 2, 2], static tokens => tokens));

    [Fact]
    public void A_row_that_is_larger_than_a_part_is_one() => Assert.Equal([[1], [3 * Most], [1]], Portions.Of([1, 3 * Most, 1], static tokens => tokens));

    [Fact]
    public void Without_rows_there_is_no_part() => Assert.Empty(Portions.Of(Array.Empty<int>(), static tokens => tokens));
}
