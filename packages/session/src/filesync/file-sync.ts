import { CallError, type ServerCall, StatusCode } from "@buildkit-node/transport";
import type { Attachable } from "../attachable.ts";
import type { OnUnreadable } from "../fsutil/disk-tree.ts";
import type { VirtualDirectory } from "../virtual/virtual-directory.ts";
import { type ServedDirectory, serveDisk, serveVirtual } from "./served-directory.ts";
import type { TransferReport } from "./transfer-report.ts";

export interface FileSyncOptions {
  /** Directories by the name under which a build refers to them: paths, or directories that are not on disk. */
  readonly directories: Readonly<Record<string, string | VirtualDirectory>>;
  /** What becomes of a file that cannot be read once the daemon asks for it; "error" by default. */
  readonly onUnreadable?: OnUnreadable;
  /** Told of each transfer once the daemon has everything, for example to find what makes a source large. */
  readonly onTransfer?: (report: TransferReport) => void;
}

/**
 * Serves directories of this machine, and virtual ones, to a build, which chooses what it wants of them. Throws an
 * `InvalidArgumentError` at once for a directory that does not exist or is none.
 */
export function fileSync(options: FileSyncOptions): Attachable {
  const { directories, onUnreadable = "error", onTransfer } = options;
  const served = new Map<string, ServedDirectory>();
  for (const [name, directory] of Object.entries(directories)) {
    served.set(
      name,
      typeof directory === "string"
        ? serveDisk(name, directory, onUnreadable)
        : serveVirtual(name, directory),
    );
  }
  const serve = async (call: ServerCall): Promise<void> => {
    const name = call.metadata.get("dir-name") ?? "";
    const directory = served.get(name);
    if (directory === undefined)
      throw new CallError(StatusCode.notFound, `no access allowed to dir "${name}"`);
    const { requestedFilter, sendTree, TransferMeter } = await import("./transfer.ts");
    const tree = await directory(call.signal);
    const meter = onTransfer && new TransferMeter();
    await sendTree(call, tree, requestedFilter(tree, call.metadata), meter);
    if (meter !== undefined) onTransfer?.(meter.report(name));
  };
  return { methods: new Map([["/moby.filesync.v1.FileSync/DiffCopy", serve]]) };
}
