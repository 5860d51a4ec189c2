namespace Rlhf.Text;

/// <summary>A text has more tokens than its reader can take: most of it was not encoded.</summary>
public sealed class TooManyTokensException(int most) : Exception(FormattableString.Invariant($"the text has more than {most} tokens"));
