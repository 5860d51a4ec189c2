using System.Reflection;
using System.Runtime.Serialization;
using System.Text;

namespace Rlhf.Core;

/// <summary>The keys of recipes and JSON files: <c>MaxNewTokens</c> is written <c>max_new_tokens</c>.</summary>
public static class SnakeCase
{
    /// <summary>The word for an enum's member: its name's key, or what its <see cref="EnumMemberAttribute"/> says.</summary>
    public static string Of(Enum word) =>
        word.GetType().GetField(word.ToString())?.GetCustomAttribute<EnumMemberAttribute>()?.Value ?? From(word.ToString());

    /// <summary>The key of a property or enum member; text that is already a key stays as it is.</summary>
    public static string From(string name)
    {
        var key = new StringBuilder(name.Length + 4);
        for (var i = 0; i < name.Length; i++)
        {
            if (char.IsAsciiLetterUpper(name[i]) && i > 0 && name[i - 1] is not ('.' or '_'))
            {
                key.Append('_');
            }

            key.Append(char.ToLowerInvariant(name[i]));
        }

        return key.ToString();
    }
}
