using Rlhf.Model;

namespace Rlhf.Stages.Ppo;

/// <summary>The roles of PPO.</summary>
/// <param name="Policy">Trainable; starts as the SFT model. Carries the value head too if the trunk is shared.</param>
/// <param name="Reference">The frozen SFT model.</param>
/// <param name="Reward">The frozen reward model; null where a list of rewards stands in its place.</param>
/// <param name="Value">The trainable value network, starts as the reward model; null if the trunk is shared, or nothing values.</param>
/// <param name="Second">A frozen second reward model that only watches; null without one.</param>
public sealed record PpoModels(Decoder Policy, Decoder Reference, Decoder? Reward, Decoder? Value, Decoder? Second);
