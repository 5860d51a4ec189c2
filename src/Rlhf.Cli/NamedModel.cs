using System.Text.RegularExpressions;
using Rlhf.Hub;

namespace Rlhf.Cli;

/// <summary>A model folder and the name by which people and requests call it: <c>[NAME=]DIR</c> on the command line.</summary>
/// <param name="Name">Letters, digits and signs.</param>
/// <param name="Folder">The folder.</param>
internal sealed partial record NamedModel(string Name, string Folder)
{
    /// <summary>Reads what was given; without a name the folder's own.</summary>
    public static NamedModel Of(string text)
    {
        if (!Path.Exists(text) && text.Split('=', 2) is [var given, { Length: > 0 } folder])
        {
            return NameForm().IsMatch(given)
                ? new NamedModel(given, folder)
                : throw new InputException($"'{given}' is no name for a model: expected letters, digits and . _ : / -.");
        }

        if (HubName.Find(text) is { } name)
        {
            return new NamedModel(name.File is { } file ? Path.GetFileNameWithoutExtension(file) : name.Repository.Split('/')[1], text);
        }

        // The last folder of a run's models is always called "model": the stage's name says more.
        var path = Path.TrimEndingDirectorySeparator(Path.GetFullPath(text));
        var last = Path.GetFileName(path);
        return new NamedModel(last == "model" && Path.GetFileName(Path.GetDirectoryName(path)) is { Length: > 0 } stage ? stage : last, text);
    }

    /// <summary>Refuses two models of one name.</summary>
    public static void RequireDifferentNames(IEnumerable<NamedModel> models)
    {
        if (models.GroupBy(model => model.Name).FirstOrDefault(group => group.Count() > 1) is { } repeated)
        {
            throw new InputException($"Two models are called '{repeated.Key}': give them names, as in --model first={repeated.First().Folder}.");
        }
    }

    [GeneratedRegex(@"^[\w.:/-]{1,100}$")]
    private static partial Regex NameForm();
}
