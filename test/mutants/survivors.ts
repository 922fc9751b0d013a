/** Wrongs that nobody finds, each with the reason why that is right. Anything else that survives fails the run. */
export const survivors: Readonly<Record<string, Readonly<Record<string, string>>>> = {};
