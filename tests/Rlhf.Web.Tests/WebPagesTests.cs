using System.Security.Cryptography;
using System.Text;

namespace Rlhf.Web.Tests;

public sealed class WebPagesTests
{
    [Theory]
    [InlineData("markdown-it.js")]
    [InlineData("dompurify.js")]
    [InlineData("katex.js")]
    public void A_script_of_others_is_the_file_that_was_published(string name)
    {
        var hash = Convert.ToHexStringLower(SHA256.HashData(Encoding.UTF8.GetBytes(WebPages.Read($"vendor/{name}")!)));
        Assert.Contains(
            WebPages.Read("vendor/README.md")!.Split('\n'), line => line.Contains(name, StringComparison.Ordinal) && line.Contains(hash, StringComparison.Ordinal));
    }

    [Fact]
    public void A_page_that_does_not_exist_is_null() => Assert.Null(WebPages.Read("../secret.html"));
}
