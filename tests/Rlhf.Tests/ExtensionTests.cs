using System.Text.RegularExpressions;
using Mono.Cecil;
using Rlhf.Compute;
using Rlhf.Data.RowForms;
using Rlhf.Labelers;
using Rlhf.Model;
using Rlhf.Model.Families;
using Rlhf.Runs;
using Rlhf.Stages;
using Rlhf.Stages.Collect;

namespace Rlhf.Tests;

/// <summary>
/// CONTRIBUTING.md says which files an extension takes. Those files are there, and what stands in a list is reached through the list alone: nothing else has
/// to change for one more.
/// </summary>
public sealed partial class ExtensionTests
{
    // Who knows a stage by more than the list: one that reads the options of another, or plans with its prompts.
    private static readonly (string User, string Used)[] BetweenStages =
    [
        ("RewardStage", "CollectStage"),
        ("RewardStage", "CollectOptions"),
        ("DpoPlan", "CollectStage"),
        ("DpoPlan", "CollectOptions"),
        ("DpoStage", "CollectOptions"),
        ("PpoStage", "RewardOptions"),
        ("PpoStage", "SecondModelOptions"),
        ("PpoRoles", "SecondModelOptions"),
        ("RejectionStage", "SecondModelOptions"),
        ("RejectionJudgement", "SecondModelOptions"),
    ];

    [Fact]
    public void Files_that_the_recipes_name_are_there()
    {
        var recipes = Recipes();
        string[] named = ["Add a stage", "Add a model family", "Add a device", "Add a labeler", "Add a row form", "Add a metric"];
        Assert.Empty(named.Except(recipes.Keys));
        var absent =
            from recipe in recipes
            from Match path in PathInRecipe().Matches(recipe.Value)
            let whole = path.Groups[1].Value.Split('<', '#')[0] // what is in angle brackets is the new one's name
            where !Path.Exists(Path.Combine(ReferenceFiles.Repository, whole))
            select $"{recipe.Key}: {whole}";
        Assert.Empty(absent);
    }

    [Theory]
    [InlineData("Add a stage", "src/Rlhf/Runs/StageList.cs")]
    [InlineData("Add a model family", "src/Rlhf/Model/Families/ModelFamilies.cs")]
    [InlineData("Add a device", "src/Rlhf/Compute/Devices.cs")]
    [InlineData("Add a labeler", "src/Rlhf/Stages/Collect/CollectStage.cs")]
    [InlineData("Add a row form", "src/Rlhf/Data/RowForms/ComparisonForms.cs")]
    public void A_recipe_names_its_list(string recipe, string list) => Assert.Contains($"({list})", Recipes()[recipe], StringComparison.Ordinal);

    [Fact]
    public void Every_stage_is_in_the_list_and_its_folder_is_reached_through_it()
    {
        Assert.Equal(Implementations(typeof(IStage)), StageList.All.Select(stage => stage.GetType()).OrderBy(type => type.Name));
        Assert.All(StageList.All, stage => Assert.Equal($"Rlhf.Stages.{Capital(stage.Name)}", stage.GetType().Namespace));

        // The benchmark times the trainers themselves.
        AssertReached(
            name => name.StartsWith("Rlhf.Stages.", StringComparison.Ordinal),
            (user, used) => user.Name == nameof(StageList) && used.Name.EndsWith("Stage", StringComparison.Ordinal)
                || user.Namespace == "Rlhf.Cli.Bench"
                || BetweenStages.Contains((user.Name, used.Name)));
    }

    [Fact]
    public void Every_family_is_in_the_list_and_is_reached_through_it()
    {
        Assert.Equal(Implementations(typeof(ModelFamily)), ModelFamilies.All.Select(family => family.GetType()).OrderBy(type => type.Name));
        string[] families = [.. ModelFamilies.All.Select(family => family.GetType().FullName!)];

        // Mistral is a Llama.
        AssertReached(families.Contains, (user, _) => user.Name == nameof(ModelFamilies) || families.Contains(user.FullName), byType: true);
    }

    // A run writes down which oneDNN it found; the plain path of the benchmark's check rounds to bfloat16 as the device does.
    [Fact]
    public void Every_device_is_reached_through_the_list() =>
        AssertReached(
            name => name.StartsWith("Rlhf.Compute.Cpu", StringComparison.Ordinal),
            (user, used) => user.Name == nameof(Devices) || user.Namespace.StartsWith("Rlhf.Compute.Cpu", StringComparison.Ordinal)
                || (user.Name, used.Name) is ("RunEnvironment", "OneDnnLibrary") or ("PlainDecoder", "BFloat16"));

    [Fact]
    public void Every_row_form_is_reached_through_the_list()
    {
        string[] forms =
        [
            .. from type in typeof(ComparisonForms).Assembly.GetTypes()
            where type.Namespace == typeof(ComparisonForms).Namespace && !type.Name.EndsWith("Parser", StringComparison.Ordinal)
            where type.GetMethod("Fits") is not null && type.GetMethod("Parse") is not null
            select type.FullName,
        ];
        Assert.True(forms.Length >= 9, "OpenAI preference, HelpSteer, SHP, WebGPT, TL;DR, UltraFeedback, Nectar, Argilla, Arena");
        AssertReached(forms.Contains, (user, _) => user.Name == nameof(ComparisonForms), byType: true);
    }

    [Fact]
    public void Every_labeler_is_made_by_the_stage_that_asks_it()
    {
        string[] labelers = [.. Implementations(typeof(ILabeler)).Select(type => type.FullName!)];
        AssertReached(labelers.Contains, (user, _) => user.Name == nameof(CollectStage) || user.Namespace == typeof(ILabeler).Namespace, byType: true);
    }

    // The other assemblies are read as text. rlhf doctor lists the CPU's instruction sets; collect without a recipe samples as the stage does.
    [Fact]
    public void Commands_and_pages_name_no_stage_family_or_device()
    {
        string[] names = [.. Implementations(typeof(IStage)).Concat(Implementations(typeof(ModelFamily))).Select(type => type.Name), "CpuDevice"];
        var wrong =
            from folder in new[] { "Rlhf.Cli", "Rlhf.Web" }
            from file in Directory.EnumerateFiles(Path.Combine(ReferenceFiles.Repository, "src", folder), "*.cs", SearchOption.AllDirectories)
            let code = CommentOrText().Replace(File.ReadAllText(file), "")
            from name in names
            where Regex.IsMatch(code, $@"\b{name}\b") && (Path.GetFileName(file), name) != ("DoctorCommand.cs", "CpuDevice")
            select $"{Path.GetFileName(file)}: {name}";
        Assert.Empty(wrong);
    }

    /// <summary>Nobody uses a type that <paramref name="isOurs"/> finds by its full name, or by its namespace (whose types use each other), but who
    /// may.</summary>
    private static void AssertReached(Func<string, bool> isOurs, Func<TypeDefinition, TypeDefinition, bool> may, bool byType = false)
    {
        using var assembly = AssemblyDefinition.ReadAssembly(typeof(InputException).Assembly.Location);
        var ours = TypeUses.In(assembly).Where(use => isOurs(byType ? use.Used.FullName : use.Used.Namespace)).ToArray();
        Assert.NotEmpty(ours);
        string[] wrong =
        [
            .. (from use in ours
            where (byType || use.User.Namespace != use.Used.Namespace) && !may(use.User, use.Used)
            select $"{use.User.FullName} uses {use.Used.FullName}").Distinct(),
        ];
        Assert.True(wrong.Length == 0, string.Join(Environment.NewLine, wrong));
    }

    private static IEnumerable<Type> Implementations(Type type) =>
        type.Assembly.GetTypes().Where(other => other is { IsClass: true, IsAbstract: false } && type.IsAssignableFrom(other)).OrderBy(other => other.Name);

    private static string Capital(string name) => char.ToUpperInvariant(name[0]) + name[1..];

    private static Dictionary<string, string> Recipes() =>
        File.ReadAllText(Path.Combine(ReferenceFiles.Repository, "CONTRIBUTING.md")).Split("\n## ")
            .Select(section => section.Split('\n', 2))
            .Where(parts => parts[0].StartsWith("Add ", StringComparison.Ordinal))
            .ToDictionary(parts => parts[0].TrimEnd(), parts => parts[1]);

    [GeneratedRegex(@"[`(]((?:src|tests|docs|recipes|bench)/[^`)\s]+)")]
    private static partial Regex PathInRecipe();

    [GeneratedRegex(@"//[^\n]*|""[^""\n]*""")]
    private static partial Regex CommentOrText();
}
