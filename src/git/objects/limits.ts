/** Bounds of what is read out of repositories, wherever they are. */

/** Folders within folders; a deeper tree is refused rather than walked. */
export const treeDepthMax = 64;
/** Folders a reader of several files keeps at hand: the way down and some beside it. */
export const foldersRememberedMax = 32;
