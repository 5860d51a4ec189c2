using System.Globalization;
using System.Security.Cryptography;
using System.Text;

namespace Rlhf.Hub;

/// <summary>The hash by which the hub names a file's content: SHA-256 of a large file; of a small one SHA-1 of <c>blob SIZE\0</c> and the content, as Git has
/// it.</summary>
internal sealed class BlobHash : IDisposable
{
    private readonly IncrementalHash _hash;
    private readonly HubFile _file;

    public BlobHash(HubFile file)
    {
        _file = file;
        _hash = IncrementalHash.CreateHash(file.Sha256 is null ? HashAlgorithmName.SHA1 : HashAlgorithmName.SHA256);
        Begin();
    }

    /// <summary>Forgets what it has seen.</summary>
    public void Begin()
    {
        _ = _hash.GetHashAndReset();
        if (_file.Sha256 is null)
        {
            _hash.AppendData(Encoding.ASCII.GetBytes(string.Create(CultureInfo.InvariantCulture, $"blob {_file.Size}\0")));
        }
    }

    public void Append(ReadOnlySpan<byte> bytes) => _hash.AppendData(bytes);

    /// <summary>Whether all bytes were those of the file.</summary>
    public bool Matches() => Convert.ToHexStringLower(_hash.GetCurrentHash()) == _file.BlobName;

    public void Dispose() => _hash.Dispose();
}
