/** Bounds of what is remembered of GitLab's answers, and of one question's time. */
export const cacheLimits = {
  /** Answers kept per kind of question; the oldest makes room. */
  entriesMax: 20_000,
  /** Different questions of one kind under way; beyond that a question is answered `unavailable`. */
  questionsMax: 2_000,
  /** One question to GitLab on behalf of all who wait for it: longer than the retries of `spec/gitlab.md §1.3` take. */
  questionMsMax: 180_000,
  /** The shared store; it is only asked for remembered refusals, so slowness counts as "none". */
  sharedErrorsMsMax: 1_000,
} as const;
