namespace Rlhf.Stages;

/// <summary>The store in which people work for a stage, as a recipe names it.</summary>
public static class PeopleStore
{
    /// <summary>Adds what is wrong with the keys <c>store</c> and <c>enough</c> of a section.</summary>
    internal static void Validate(string? store, double enough, OptionErrors errors)
    {
        errors.Require(enough is > 0 and (<= 1 or >= 2) && (enough <= 1 || double.IsInteger(enough)), "Enough",
            "must be a share above 0 and at most 1, or a whole number above 1");
        errors.Require(!IsServer(store) || !HasPassword(store!), "Store",
            "must hold no password: the run folder and the report show the recipe; leave it out and set the environment variable PGPASSWORD");
    }

    /// <summary>The store with its path made absolute, where it is a file.</summary>
    internal static string? Full(string? store, Func<string, string> full) => store is not null && !IsServer(store) ? full(Path.Combine(".", store)) : store;

    /// <summary>Whether a store is a database server and no file.</summary>
    public static bool IsServer(string? store) =>
        store is not null && (store.StartsWith("postgres://", StringComparison.Ordinal) || store.StartsWith("postgresql://", StringComparison.Ordinal));

    // Between "://" and the last '@', whatever a password may hold.
    private static bool HasPassword(string store) =>
        store.LastIndexOf('@') is > 0 and var at && store[(store.IndexOf("://", StringComparison.Ordinal) + 3)..at].Contains(':', StringComparison.Ordinal);
}
