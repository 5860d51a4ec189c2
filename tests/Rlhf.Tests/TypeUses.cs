using Mono.Cecil;

namespace Rlhf.Tests;

/// <summary>Which types of an assembly use which others of it, read from the compiled program: signatures, fields, attributes and instructions.</summary>
internal static class TypeUses
{
    /// <summary>All uses, as pairs of top-level types. Types that the compiler makes count for the type they stand in.</summary>
    public static IEnumerable<(TypeDefinition User, TypeDefinition Used)> In(AssemblyDefinition assembly) =>
        from type in assembly.MainModule.GetTypes()
        from used in UsedBy(type).SelectMany(Parts).Distinct()
        where used.Scope == assembly.MainModule || used.Module == assembly.MainModule && used.Scope is ModuleDefinition
        let target = used.Resolve()
        where target is not null && target.Module == assembly.MainModule
        let pair = (User: Outermost(type), Used: Outermost(target))
        where pair.User != pair.Used
        select pair;

    private static IEnumerable<TypeReference?> UsedBy(TypeDefinition type) =>
    [
        type.BaseType,
        .. type.Interfaces.Select(implemented => implemented.InterfaceType),
        .. Constraints(type),
        .. type.CustomAttributes.Select(attribute => attribute.AttributeType),
        .. type.Fields.Select(field => field.FieldType),
        .. type.Methods.SelectMany(UsedBy),
    ];

    private static IEnumerable<TypeReference?> UsedBy(MethodDefinition method) =>
    [
        method.ReturnType,
        .. method.Parameters.Select(parameter => parameter.ParameterType),
        .. Constraints(method),
        .. method.HasBody ? method.Body.Variables.Select(variable => variable.VariableType) : [],
        .. method.HasBody ? method.Body.Instructions.SelectMany(instruction => UsedBy(instruction.Operand)) : [],
    ];

    private static IEnumerable<TypeReference?> UsedBy(object? operand) => operand switch
    {
        TypeReference type => [type],
        FieldReference field => [field.DeclaringType, field.FieldType],
        MethodReference method =>
        [
            method.DeclaringType,
            method.ReturnType,
            .. method.Parameters.Select(parameter => parameter.ParameterType),
            .. method is GenericInstanceMethod generic ? generic.GenericArguments : [],
        ],
        _ => [],
    };

    private static IEnumerable<TypeReference> Constraints(IGenericParameterProvider provider) =>
        provider.GenericParameters.SelectMany(parameter => parameter.Constraints).Select(constraint => constraint.ConstraintType);

    // List<T>, T[], T* and ref T use T.
    private static IEnumerable<TypeReference> Parts(TypeReference? type) => type switch
    {
        null or GenericParameter => [],
        GenericInstanceType generic => [.. Parts(generic.ElementType), .. generic.GenericArguments.SelectMany(Parts)],
        TypeSpecification specification => Parts(specification.ElementType),
        _ => [type],
    };

    private static TypeDefinition Outermost(TypeDefinition type) => type.DeclaringType is { } outer ? Outermost(outer) : type;
}
