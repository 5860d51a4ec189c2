using Rlhf.Grading;

namespace Rlhf.Stages.Ppo;

/// <summary>Prompts for graders as bytes of the stage's file.</summary>
internal static class GradedPromptCodec
{
    /// <summary>The codec.</summary>
    public static RowCodec<GradedPrompt> Instance { get; } = new(Write, Read);

    private static void Write(BinaryWriter writer, GradedPrompt prompt)
    {
        writer.Write(prompt.Id);
        writer.Write(prompt.Text);
        writer.Write7BitEncodedInt(prompt.References.Count);
        foreach (var (name, text) in prompt.References)
        {
            writer.Write(name);
            writer.Write(text);
        }
    }

    private static GradedPrompt Read(BinaryReader reader)
    {
        var (id, text) = (reader.ReadString(), reader.ReadString());
        var references = new Dictionary<string, string>(StringComparer.Ordinal);
        for (var left = reader.Read7BitEncodedInt(); left > 0; left--)
        {
            var name = reader.ReadString();
            references[name] = reader.ReadString();
        }

        return new GradedPrompt(id, text, references);
    }
}
