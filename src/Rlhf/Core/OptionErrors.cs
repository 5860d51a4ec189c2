using System.Runtime.CompilerServices;

namespace Rlhf.Core;

/// <summary>
/// Collects everything that is wrong with a set of options, so that the user hears of all of it at once. Keys are written as in a
/// recipe (<c>ppo.adaptive_kl.target</c>); the recipe reader adds the file position of each key.
/// </summary>
public sealed class OptionErrors
{
    private readonly string _prefix;
    private readonly IReadOnlySet<string> _given;
    private readonly List<OptionError> _errors;

    /// <summary>Starts an empty list.</summary>
    /// <param name="section">The recipe key at which the options stand; empty: the top.</param>
    /// <param name="given">The keys that the user wrote down, for <see cref="NoEffect"/>; null when options were made by code.</param>
    public OptionErrors(string section = "", IReadOnlySet<string>? given = null) : this(section, given ?? new HashSet<string>(), [])
    {
    }

    private OptionErrors(string prefix, IReadOnlySet<string> given, List<OptionError> errors)
    {
        _prefix = prefix;
        _given = given;
        _errors = errors;
    }

    /// <summary>Everything found so far, in the order it was found.</summary>
    public IReadOnlyList<OptionError> All => _errors;

    /// <summary>The same list for the options below <paramref name="property"/>: their keys get its key in front.</summary>
    public OptionErrors Below(string property) => new(KeyOf(property), _given, _errors);

    /// <summary>Adds an error about <paramref name="property"/> (a property's name, or a recipe key).</summary>
    public void Add(string property, string message) => _errors.Add(new OptionError(KeyOf(property), message));

    /// <summary>Adds <paramref name="message"/> unless <paramref name="holds"/>.</summary>
    public void Require(bool holds, string property, string message)
    {
        if (!holds)
        {
            Add(property, message);
        }
    }

    /// <summary>Adds an error when the user wrote <paramref name="property"/> down although, unless <paramref name="hasEffect"/>, nothing reads it.</summary>
    public void NoEffect(bool hasEffect, string property, string message)
    {
        if (!hasEffect && _given.Contains(KeyOf(property)))
        {
            _errors.Add(new OptionError(KeyOf(property), $"has no effect {message}", HasNoEffect: true));
        }
    }

    /// <summary>The value must be a finite number above zero.</summary>
    public void Positive(double value, [CallerArgumentExpression(nameof(value))] string property = "") =>
        Require(double.IsFinite(value) && value > 0, property, $"must be above 0, found {Shown(value)}");

    /// <summary>The value must be a finite number, zero or above.</summary>
    public void NotNegative(double value, [CallerArgumentExpression(nameof(value))] string property = "") =>
        Require(double.IsFinite(value) && value >= 0, property, $"must be 0 or above, found {Shown(value)}");

    /// <summary>The value must lie in [<paramref name="low"/>, <paramref name="high"/>].</summary>
    public void Within(double value, double low, double high, [CallerArgumentExpression(nameof(value))] string property = "") =>
        Require(value >= low && value <= high, property, $"must be between {Shown(low)} and {Shown(high)}, found {Shown(value)}");

    /// <summary>The value must lie in [<paramref name="low"/>, <paramref name="high"/>), the upper bound left out.</summary>
    public void Below(double value, double low, double high, [CallerArgumentExpression(nameof(value))] string property = "") =>
        Require(value >= low && value < high, property, $"must be at least {Shown(low)} and below {Shown(high)}, found {Shown(value)}");

    /// <summary>Throws one <see cref="InputException"/> that lists every error; does nothing when there is none.</summary>
    public void ThrowIfAny()
    {
        if (_errors.Count > 0)
        {
            throw new InputException(string.Join(Environment.NewLine, _errors.Select(error => $"{error.Key}: {error.Message}")));
        }
    }

    private string KeyOf(string property)
    {
        var key = SnakeCase.From(property);
        return _prefix.Length == 0 ? key : key.Length == 0 ? _prefix : $"{_prefix}.{key}";
    }

    private static string Shown(double value) => FormattableString.Invariant($"{value:G6}");
}

/// <summary>One wrong option.</summary>
/// <param name="Key">Where: the recipe key, for example <c>ppo.clip_range</c>.</param>
/// <param name="Message">What is wrong and what would be right.</param>
/// <param name="HasNoEffect">Whether the key is wrong because it stands there.</param>
public sealed record OptionError(string Key, string Message, bool HasNoEffect = false);
