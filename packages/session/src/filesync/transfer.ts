// What it takes to send a directory: loaded when a daemon first asks for one.
export { DiskTree } from "../fsutil/disk-tree.ts";
export { sendTree } from "../fsutil/send-tree.ts";
export { readVirtualIndex } from "../virtual/virtual-index.ts";
export { VirtualTree } from "../virtual/virtual-tree.ts";
export { requestedFilter } from "./requested-filter.ts";
export { TransferMeter } from "./transfer-report.ts";
