namespace Rlhf.Core;

/// <summary>
/// A mistake in what the user gave (a recipe, a data file, a checkpoint, an option): the message says what is wrong, where
/// (file, line, key) and what to do. The command line prints it without a stack trace and ends with exit code 2.
/// </summary>
public sealed class InputException : Exception
{
    /// <summary>Creates the exception with a message for the user.</summary>
    public InputException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with a message for the user and the failure behind it.</summary>
    public InputException(string message, Exception innerException) : base(message, innerException)
    {
    }

    /// <summary>Whether a file or folder that was named is not there.</summary>
    public bool IsMissing { get; private init; }

    /// <summary>Creates the exception of a file or folder that is not there.</summary>
    public static InputException Missing(string message) => new(message) { IsMissing = true };

    /// <summary>Creates the exception with a position inside a file.</summary>
    public static InputException At(string file, int line, int column, string message) =>
        new($"{file}:{line}:{column}: {message}");
}

/// <summary>A run that cannot go on (non-finite numbers, a full disk); the command line ends with exit code 1.</summary>
public sealed class RunFailedException : Exception
{
    /// <summary>Creates the exception with a message for the user.</summary>
    public RunFailedException(string message) : base(message)
    {
    }

    /// <summary>Creates the exception with a message for the user and the failure behind it.</summary>
    public RunFailedException(string message, Exception innerException) : base(message, innerException)
    {
    }
}

/// <summary>A run that has stopped as its recipe says, because people have something to do first; the command line ends with exit code 3.</summary>
public sealed class RunPausedException : Exception
{
    /// <summary>Creates the exception with a message that says what is to be done.</summary>
    /// <param name="message">What is to be done.</param>
    /// <param name="section">The part of the recipe that says how much is enough: <c>collect</c>.</param>
    public RunPausedException(string message, string section) : base(message) => Section = section;

    /// <summary>The part of the recipe whose <c>enough</c> says how much is enough.</summary>
    public string Section { get; }
}
