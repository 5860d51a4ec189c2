using Rlhf.World;

namespace Rlhf.Web.Tests;

public sealed class WebPagesTests
{
    [Fact]
    public void A_page_that_does_not_exist_is_null() => Assert.Null(WebPages.Read("../secret.html"));
}
