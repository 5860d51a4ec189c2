using System.Net;

namespace Rlhf.Hub;

/// <summary>The hub does not answer as long as it was waited for; another try may go well.</summary>
internal sealed class HubUnreachableException(string reason) : Exception(reason);

/// <summary>A request failed in a way that passes: a cut connection, too many requests, a server that is down.</summary>
/// <param name="reason">What went wrong, in words.</param>
internal sealed class PassingFailure(string reason) : Exception(reason)
{
    /// <summary>How long the server asks to be left alone.</summary>
    public TimeSpan? Wait { get; init; }

    /// <summary>Whether nothing on this machine leads there, so that many tries make no sense.</summary>
    public bool IsLasting { get; init; }

    /// <summary>Whether enough came before it that the count of failures begins again.</summary>
    public bool Advanced { get; init; }
}

/// <summary>The hub answers, and refuses.</summary>
/// <param name="status">The status.</param>
/// <param name="code">The header <c>X-Error-Code</c>; null without one.</param>
/// <param name="words">The header <c>X-Error-Message</c>, made safe to show.</param>
internal sealed class HubRefusal(HttpStatusCode status, string? code, string words) : Exception(words)
{
    public HttpStatusCode Status => status;

    public string? Code => code;
}
