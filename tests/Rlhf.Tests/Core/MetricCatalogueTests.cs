using Rlhf.Reports;

namespace Rlhf.Tests.Core;

public sealed class MetricCatalogueTests
{
    [Fact]
    public void Every_metric_has_a_name_and_a_meaning_and_is_found_by_its_key()
    {
        Assert.All(MetricCatalogue.All, metric =>
        {
            Assert.Matches("^[a-z0-9_]+$", metric.Key);
            Assert.DoesNotContain('_', metric.Name);
            Assert.EndsWith(".", metric.Meaning, StringComparison.Ordinal);
            Assert.Equal(metric, MetricCatalogue.Of(metric.Key));
        });
        Assert.Equal("speed of the second model", MetricCatalogue.Of("second_tokens_per_second").Name);
        Assert.Equal("of another version", MetricCatalogue.Of("of_another_version").Name);
    }

    [Fact]
    public void A_metric_that_is_in_no_class_of_metrics_cannot_be_logged()
    {
        using var folder = new TestFolder();
        using var writer = MetricsWriter.Open(folder.Path);
        Assert.Throws<InvalidOperationException>(() => writer.Write("01-sft", 1, 1.0, (new Metric("stray", "stray", "Nobody knows."), 1.0)));
    }
}
