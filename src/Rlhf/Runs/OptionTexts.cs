using System.Reflection;
using System.Text;
using System.Text.RegularExpressions;
using System.Xml;
using System.Xml.Linq;

namespace Rlhf.Runs;

/// <summary>The texts of the options' documentation comments, from the XML file that the build writes beside the library, as Markdown.</summary>
internal sealed partial class OptionTexts
{
    private readonly Dictionary<string, XElement> _summaries;

    private OptionTexts(Dictionary<string, XElement> summaries) => _summaries = summaries;

    /// <summary>Reads the file beside the library.</summary>
    /// <exception cref="InputException">It is not there, or broken.</exception>
    public static OptionTexts Load()
    {
        var file = Path.Combine(AppContext.BaseDirectory, $"{typeof(OptionTexts).Assembly.GetName().Name}.xml");
        try
        {
            var members = XDocument.Load(file).Descendants("member");
            return new OptionTexts(members
                .Where(member => member.Element("summary") is not null)
                .ToDictionary(member => (string)member.Attribute("name")!, member => member.Element("summary")!, StringComparer.Ordinal));
        }
        catch (Exception exception) when (exception is IOException or XmlException)
        {
            throw new InputException($"{file}: the texts of the options cannot be read ({FailureText.Of(exception)}); build the program again.", exception);
        }
    }

    /// <summary>What a property means.</summary>
    public string Of(PropertyInfo property) => Of($"P:{property.DeclaringType!.FullName}.{property.Name}");

    /// <summary>What a record or enum is.</summary>
    public string Of(Type type) => Of($"T:{type.FullName}");

    /// <summary>What a value of an enum means.</summary>
    public string Of(Type type, string member) => Of($"F:{type.FullName}.{member}");

    private string Of(string name) => _summaries.TryGetValue(name, out var summary)
        ? WhiteSpace().Replace(Markdown(summary), " ").Trim()
        : throw new InvalidOperationException($"{name} has no documentation comment.");

    private static string Markdown(XElement element)
    {
        var text = new StringBuilder();
        foreach (var node in element.Nodes())
        {
            text.Append(node switch
            {
                XText plain => plain.Value.Replace("<", "&lt;", StringComparison.Ordinal),
                XElement { Name.LocalName: "see" } link => $"`{SnakeCase.From(((string)link.Attribute("cref")!).Split('.', ':')[^1])}`",
                XElement { Name.LocalName: "c" } code => $"`{WhiteSpace().Replace(code.Value, " ")}`",
                XElement other => Markdown(other),
                _ => "",
            });
        }

        return text.ToString();
    }

    [GeneratedRegex(@"\s+")]
    private static partial Regex WhiteSpace();
}
