using System.Data.Common;
using Rlhf.Reports;

namespace Rlhf.Labelers.Store;

public sealed partial class RankingStore
{
    /// <summary>The name of the one user of a store without tokens.</summary>
    public const string LocalName = "local";

    private const string UserColumns = "id, name, role, revoked_at, CASE WHEN token_hash IS NULL THEN 0 ELSE 1 END";

    /// <summary>Everybody with a token, revoked ones too, and those whose rankings were imported.</summary>
    public IReadOnlyList<LabelUser> Users() => Read(connection => connection.Query($"SELECT {UserColumns} FROM users ORDER BY id", UserOf));

    /// <summary>Whether anybody was given a token.</summary>
    public bool HasTokens() => Read(connection => connection.Number("SELECT count(*) FROM users WHERE token_hash IS NOT NULL")) > 0;

    /// <summary>Whose token this is; null where it is nobody's, or was revoked.</summary>
    public LabelUser? FindByToken(string token) => Read(connection =>
        connection.Query($"SELECT {UserColumns} FROM users WHERE token_hash = @hash AND revoked_at IS NULL", UserOf, ("hash", AccessToken.HashOf(token)))
            .SingleOrDefault());

    /// <summary>The user of a store without tokens, who is its owner.</summary>
    public LabelUser LocalUser() =>
        Read(connection => FindUser(connection, LocalName)) ?? Write(connection => UserNamed(connection, LocalName, UserRole.Owner));

    /// <summary>Adds somebody, or gives somebody without a token one; the token, which is not stored and cannot be shown again.</summary>
    /// <exception cref="InputException">The name is no name, or has a token.</exception>
    public string AddUser(string name, UserRole role)
    {
        if (ShownName.WrongWith(name) is { } wrong)
        {
            throw new InputException($"The name '{VisibleText.Plain(name)}' cannot be used: {wrong}.");
        }

        var token = AccessToken.Create();
        Write(connection =>
        {
            UserNamed(connection, name, role);
            if (connection.Execute(
                "UPDATE users SET token_hash = @hash, role = @role, revoked_at = NULL WHERE name = @name AND (token_hash IS NULL OR revoked_at IS NOT NULL)",
                ("hash", AccessToken.HashOf(token)), ("role", RoleText(role)), ("name", name)) == 0)
            {
                throw new InputException($"{name} has a token already; revoke it first.");
            }
        });
        return token;
    }

    /// <summary>Takes somebody's token back; their rankings stay.</summary>
    /// <exception cref="InputException">There is nobody of that name with a token.</exception>
    public void Revoke(string name)
    {
        if (Write(connection => connection.Execute(
            "UPDATE users SET revoked_at = @now WHERE name = @name AND token_hash IS NOT NULL AND revoked_at IS NULL", ("now", Now), ("name", name))) == 0)
        {
            throw new InputException($"{name}: nobody of that name has a token.");
        }
    }

    private LabelUser UserNamed(DbConnection connection, string name, UserRole role)
    {
        connection.Execute("INSERT INTO users (name, role, created_at) VALUES (@name, @role, @now) ON CONFLICT (name) DO NOTHING", ("name", name),
            ("role", RoleText(role)), ("now", Now));
        return FindUser(connection, name)!;
    }

    private static LabelUser? FindUser(DbConnection connection, string name) =>
        connection.Query($"SELECT {UserColumns} FROM users WHERE name = @name", UserOf, ("name", name)).SingleOrDefault();

    private static string RoleText(UserRole role) => role == UserRole.Owner ? "owner" : "labeler";

    private static LabelUser UserOf(DbDataReader reader) =>
        new(
            reader.GetInt64(0), reader.GetString(1), reader.GetString(2) == "owner" ? UserRole.Owner : UserRole.Labeler, !reader.IsDBNull(3),
            Convert.ToInt64(reader.GetValue(4), null) == 1);
}
