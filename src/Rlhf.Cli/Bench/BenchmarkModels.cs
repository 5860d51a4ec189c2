using Rlhf.Compute.Operations;
using Rlhf.Model;
using Rlhf.Stages.Ppo;

namespace Rlhf.Cli.Bench;

/// <summary>The models of a benchmark with random weights: matrices normal(0, 0.02), gains 1, biases 0.</summary>
internal static class BenchmarkModels
{
    private const float Deviation = 0.02f;
    private const int ChunkLength = 1 << 20; // no second copy of a large model on the managed heap

    /// <summary>A policy with a language head.</summary>
    public static Decoder Policy(IDevice device, DecoderConfig config, ulong seed)
    {
        var decoder = new Decoder(device, config, HeadKind.Language, trainable: true);
        FillTrunk(decoder, seed);
        decoder.Refresh();
        return decoder;
    }

    /// <summary>A value network or reward model: a scalar head, no language head.</summary>
    public static Decoder Scalar(IDevice device, DecoderConfig config, bool trainable, ulong seed)
    {
        var decoder = new Decoder(device, config, HeadKind.Scalar, trainable);
        FillTrunk(decoder, seed);
        FillNormal(decoder.Device, decoder.ScalarWeights, Philox.Derive(seed, 1));
        decoder.Refresh();
        return decoder;
    }

    /// <summary>The roles of PPO around a policy and a value network: the reference is a copy of the policy, the reward model one of the value
    /// network.</summary>
    public static PpoModels Roles(Decoder policy, Decoder value)
    {
        var reference = new Decoder(policy.Device, policy.Config, policy.Kind, trainable: false);
        var reward = new Decoder(value.Device, value.Config, value.Kind, trainable: false);
        reference.CopyFrom(policy);
        reward.CopyFrom(value);
        reference.Freeze();
        reward.Freeze();
        return new PpoModels(policy, reference, reward, value, Second: null);
    }

    private static void FillTrunk(Decoder decoder, ulong seed)
    {
        var matrices = decoder.Layout.Decayed;
        FillNormal(decoder.Device, decoder.Part(matrices.Offset, matrices.Length), seed);
        foreach (var gain in decoder.Layout.Parameters.Where(
            static parameter => !parameter.Decays && !parameter.Name.EndsWith(".bias", StringComparison.Ordinal)))
        {
            decoder.Device.Fill(decoder.Part(gain.Offset, gain.Length), 1f);
        }
    }

    private static void FillNormal(IDevice device, FloatBuffer buffer, ulong seed)
    {
        var chunk = new float[Math.Min(ChunkLength, buffer.Length)];
        for (var start = 0L; start < buffer.Length; start += chunk.Length)
        {
            var part = chunk.AsSpan(0, (int)Math.Min(chunk.Length, buffer.Length - start));
            Philox.Normal(part, seed, (ulong)start, Deviation);
            device.CopyIn(part, buffer.Slice(start, part.Length));
        }
    }
}
