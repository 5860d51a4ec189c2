using Rlhf.Compute.Operations;

namespace Rlhf.Model;

/// <summary>One of a block's linear layers, as the model's files know it, with narrow matrices beside its weights.</summary>
/// <param name="Module">Its path: <c>model.layers.0.self_attn.q_proj</c>.</param>
/// <param name="Outputs">Its outputs.</param>
/// <param name="Rank">Its rank r.</param>
/// <param name="Scale">What x A B is multiplied by: alpha / r, or alpha / sqrt(r).</param>
public sealed record AdaptedModule(string Module, int Outputs, int Rank, double Scale);

/// <summary>
/// The narrow matrices beside one of the products of a block, which may be several modules' (query, key and value; gate and up): y += scale (x A^T) B^T.
/// The As of its modules stand one under another, [modules r, inputs], and so do their Bs, [outputs, r]; modules of a smaller rank, and those that are not
/// adapted, are filled up with zeros.
/// </summary>
internal sealed class AdapterGroup
{
    public required int Layer { get; init; }

    public required LinearRole Role { get; init; }

    public required int Inputs { get; init; }

    /// <summary>The product's modules, by their paths.</summary>
    public required string[] Modules { get; init; }

    /// <summary>Outputs of each module of the product, adapted or not.</summary>
    public required int[] Outputs { get; init; }

    /// <summary>The largest rank of a module.</summary>
    public required int Rank { get; init; }

    /// <summary>What is multiplied into x A^T.</summary>
    public required double Scale { get; init; }

    /// <summary>Where the As begin.</summary>
    public required long A { get; init; }

    /// <summary>Where the Bs begin.</summary>
    public required long B { get; init; }

    /// <summary>Columns of x A^T.</summary>
    public int Narrow => Outputs.Length * Rank;

    public int AllOutputs => Outputs.Sum();

    public bool IsFused => Outputs.Length > 1;

    /// <summary>The As [narrow, inputs] among the numbers of an adapter, or among their gradients.</summary>
    public FloatBuffer AsOf(FloatBuffer numbers) => numbers.Slice(A, (long)Narrow * Inputs);

    /// <summary>The Bs [outputs, r], in the same way.</summary>
    public FloatBuffer BsOf(FloatBuffer numbers) => numbers.Slice(B, (long)AllOutputs * Rank);

    /// <summary>Of each row of the Bs, its row among the rows of r numbers of the whole [outputs, modules r], where other modules' columns are zero.</summary>
    public int[] RowsOfWhole()
    {
        var rows = new int[AllOutputs];
        for (var (module, at) = (0, 0); module < Outputs.Length; module++)
        {
            for (var i = 0; i < Outputs[module]; i++, at++)
            {
                rows[at] = (at * Outputs.Length) + module;
            }
        }

        return rows;
    }
}

/// <summary>Where the numbers of a LoRA adapter (Hu 2021) lie in one flat buffer: of each adapted product the As, then the Bs.</summary>
public sealed class AdapterLayout
{
    private const string Weight = ".weight";
    private readonly List<AdapterGroup> _groups = [];
    private readonly List<Parameter> _parameters = [];
    private readonly List<AdaptedModule> _modules = [];
    private readonly Dictionary<string, Place> _places = new(StringComparer.Ordinal);

    // Where a module's matrices begin, and the order of its outputs in the file.
    private readonly record struct Place(AdapterGroup Group, long A, long B, Parameter Outputs);

    /// <summary>Lays out an adapter of the linear layers of a decoder's blocks.</summary>
    /// <param name="model">The decoder's parameters.</param>
    /// <param name="adapted">Rank and scale of a module, given its path; null leaves it out.</param>
    public AdapterLayout(ParameterLayout model, Func<string, (int Rank, double Scale)?> adapted)
    {
        for (var layer = 0; layer < model.Config.Layers; layer++)
        {
            var names = model.Config.Family.Tensors.Layer(layer);
            foreach (var (role, modules) in ((LinearRole, string[])[])
                [(LinearRole.Qkv, names.Qkv), (LinearRole.Output, [names.Output]), (LinearRole.Up, names.Up), (LinearRole.Down, [names.Down])])
            {
                Add(model, layer, role, modules, adapted);
            }
        }
    }

    /// <summary>The tensors by ascending offset: <c>MODULE.lora_A.weight</c> [r, inputs] and <c>MODULE.lora_B.weight</c> [outputs, r].</summary>
    public IReadOnlyList<Parameter> Parameters => _parameters;

    /// <summary>The adapted modules, in the order of the forward pass.</summary>
    public IReadOnlyList<AdaptedModule> Modules => _modules;

    /// <summary>Floats of the flat buffer.</summary>
    public long Length { get; private set; }

    /// <summary>Numbers of the adapter, without what only fills up.</summary>
    public long ParameterCount => _parameters.Sum(static parameter => parameter.Length);

    /// <summary>Whether the modules of each product have one rank and one scale: then nothing is filled up but modules that are not adapted, and
    /// <see cref="Parameters"/> are the tensors as files have them.</summary>
    public bool IsUniform { get; private set; } = true;

    internal IReadOnlyList<AdapterGroup> Groups => _groups;

    /// <summary>Puts a module's matrices, as files have them, into numbers of this layout.</summary>
    /// <param name="numbers">Of the whole adapter.</param>
    /// <param name="module">One of <see cref="Modules"/>.</param>
    /// <param name="a">[r, inputs].</param>
    /// <param name="b">[outputs, r].</param>
    public void Write(Span<float> numbers, AdaptedModule module, ReadOnlySpan<float> a, ReadOnlySpan<float> b)
    {
        var place = _places[module.Module];
        a.CopyTo(numbers[(int)place.A..]);
        foreach (var (file, row) in RowsOf(place))
        {
            var to = numbers.Slice(row, module.Rank);
            b.Slice(file * module.Rank, module.Rank).CopyTo(to);

            // Modules of one product share the scale of its first; where they differ it stands in B.
            for (var k = 0; k < to.Length && module.Scale != place.Group.Scale; k++)
            {
                to[k] = (float)(to[k] * (module.Scale / place.Group.Scale));
            }
        }
    }

    /// <summary>A module's matrices as files have them: A [r, inputs] and B [outputs, r], and what their product is multiplied by.</summary>
    public (float[] A, float[] B, double Scale) Read(ReadOnlySpan<float> numbers, AdaptedModule module)
    {
        var place = _places[module.Module];
        var b = new float[module.Outputs * module.Rank];
        foreach (var (file, row) in RowsOf(place))
        {
            numbers.Slice(row, module.Rank).CopyTo(b.AsSpan(file * module.Rank));
        }

        return (numbers.Slice((int)place.A, module.Rank * place.Group.Inputs).ToArray(), b, place.Group.Scale);
    }

    private static IEnumerable<(int File, int Row)> RowsOf(Place place)
    {
        foreach (var (file, buffer, length) in place.Outputs.Runs(0, place.Outputs.Length))
        {
            for (var i = 0L; i < length; i++)
            {
                yield return ((int)(file + i), (int)(place.B + ((buffer + i) * place.Group.Rank)));
            }
        }
    }

    private void Add(ParameterLayout model, int layer, LinearRole role, string[] modules, Func<string, (int Rank, double Scale)?> adapted)
    {
        var ranks = modules.Select(module => adapted(module)).ToArray();
        if (ranks.All(static rank => rank is null))
        {
            return;
        }

        var weights = modules.Select(module => model[module + Weight]).ToArray();
        var (input, output) = model.Config.WeightsAreInputMajor ? (0, 1) : (1, 0);
        var group = new AdapterGroup
        {
            Layer = layer,
            Role = role,
            Modules = modules,
            Inputs = weights[0].Shape[input],
            Outputs = [.. weights.Select(weight => weight.Shape[output])],
            Rank = ranks.Max(static rank => rank?.Rank ?? 0),
            Scale = ranks.First(static rank => rank is not null)!.Value.Scale,
            A = Length,
            B = ParameterLayout.Aligned(Length + (modules.Length * (long)ranks.Max(static rank => rank?.Rank ?? 0) * weights[0].Shape[input])),
        };
        _groups.Add(group);
        IsUniform &= ranks.All(rank => rank is null || rank == (group.Rank, group.Scale));
        var firstOutput = 0L;
        for (var i = 0; i < modules.Length; i++)
        {
            if (ranks[i] is { } rank)
            {
                _modules.Add(new AdaptedModule(modules[i], group.Outputs[i], rank.Rank, rank.Scale));
                var (a, b, heads) = (group.A + ((long)i * group.Rank * group.Inputs), group.B + (firstOutput * group.Rank), weights[i].HeadsTogether);
                _parameters.Add(new Parameter(modules[i] + ".lora_A.weight", [rank.Rank, group.Inputs], a, true));
                _parameters.Add(new Parameter(modules[i] + ".lora_B.weight", [group.Outputs[i], rank.Rank], b, true) { HeadsTogether = heads });
                _places.Add(modules[i], new Place(group, a, b, new Parameter(modules[i], [group.Outputs[i]], 0, true) { HeadsTogether = heads }));
            }

            firstOutput += group.Outputs[i];
        }

        Length = ParameterLayout.Aligned(group.B + (firstOutput * group.Rank));
    }
}
