using System.Net;

namespace Rlhf.Web.Security;

/// <summary>Where a server listens and what it accepts.</summary>
public sealed record WebSettings
{
    /// <summary>The address to listen on: this machine only, unless told.</summary>
    public string Host { get; init; } = "127.0.0.1";

    /// <summary>The port; 0 takes a free one.</summary>
    public int Port { get; init; }

    /// <summary>How people reach the server where a proxy with TLS stands before it: <c>https://label.example.org</c>. Cookies are then sent over TLS
    /// only.</summary>
    public Uri? PublicUrl { get; init; }

    /// <summary>Origins of other sites whose pages may use what stands below <c>/v1</c> (CORS).</summary>
    public IReadOnlyList<string> Origins { get; init; } = [];

    /// <summary>The most bytes of a request's body.</summary>
    public long MaximumBodyBytes { get; init; } = 1024 * 1024;

    /// <summary>Requests that one client may make in a minute; as many may come at once.</summary>
    public int RequestsPerMinute { get; init; } = 1200;

    /// <summary>The body of an answer that refuses, from HTTP status and message: <c>{"error": message}</c> unless given.</summary>
    public Func<int, string, object> ErrorBody { get; init; } = static (_, message) => new { Error = message };

    /// <summary>The path of the style sheet of the pages on which a browser reads such a message.</summary>
    public string? ErrorStyle { get; init; }

    /// <summary>Where failures of the server itself are written.</summary>
    public TextWriter Log { get; init; } = TextWriter.Null;

    /// <summary>Whether only this machine can reach the server.</summary>
    public bool IsLoopback => IPAddress.IsLoopback(Address);

    /// <summary><see cref="Host"/> as an address.</summary>
    /// <exception cref="InputException">It is neither an address nor a name that is known here.</exception>
    public IPAddress Address => AddressOf(Host);

    private static IPAddress AddressOf(string host)
    {
        if (host is "localhost")
        {
            return IPAddress.Loopback;
        }

        if (IPAddress.TryParse(host.Trim('[', ']'), out var address))
        {
            return address;
        }

        try
        {
            return Dns.GetHostAddresses(host)[0];
        }
        catch (Exception exception) when (exception is System.Net.Sockets.SocketException or ArgumentException or IndexOutOfRangeException)
        {
            throw new InputException($"--host {host}: expected an address of this machine such as 127.0.0.1, or 0.0.0.0 for all of them.");
        }
    }
}
