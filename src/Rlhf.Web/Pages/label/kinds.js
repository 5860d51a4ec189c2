// What the page calls each kind of task.

const usual = { title: "Rank answers", prompt: "Prompt", answers: "Answers", side: "Your ranking", skip: "Cannot judge …" };

const words = {
  rank: usual,
  write: { title: "Write an answer", prompt: "Prompt", answers: "", side: "Your answer", skip: "Skip …" },
  rank_correct: { ...usual, title: "Rank and mend answers" },
  review: { title: "Review an answer", prompt: "Prompt", answers: "Answer", side: "Your review", skip: "Skip …" },
  prompt: { title: "Write a prompt", prompt: "What is asked of you", answers: "", side: "Your prompt", skip: "Skip …" },
};

export const wordsOf = kind => words[kind] ?? usual;

/** Whether answers are put in order. */
export const isRanked = kind => kind === undefined || kind === "rank" || kind === "rank_correct";
