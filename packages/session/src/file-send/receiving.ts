// What it takes to write a directory: loaded when a daemon first sends one.
export { moveDirectory } from "../fsutil/move-directory.ts";
export { receiveTree } from "../fsutil/receive-tree.ts";
export { TreeWriter } from "../fsutil/tree-writer.ts";
