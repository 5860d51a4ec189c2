using Rlhf.Compute.Cpu.OneDnn;

namespace Rlhf.Tests.Compute.OneDnn;

/// <summary>A test that is skipped, with the reason, where oneDNN is not installed.</summary>
internal sealed class OneDnnFactAttribute : FactAttribute
{
    public OneDnnFactAttribute() => Skip = OneDnnLibrary.Found is null ? $"no oneDNN: {OneDnnLibrary.WhyNot}" : null;
}

/// <summary><see cref="OneDnnFactAttribute"/> with data.</summary>
internal sealed class OneDnnTheoryAttribute : TheoryAttribute
{
    public OneDnnTheoryAttribute() => Skip = OneDnnLibrary.Found is null ? $"no oneDNN: {OneDnnLibrary.WhyNot}" : null;
}
