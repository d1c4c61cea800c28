/** Why a vector may come out otherwise than the reference has it, and how. */
export interface Exemption {
  /** Our API refuses the program, or the metadata differ. The bytes of ops may never differ. */
  readonly allows: "refusal" | "metadata";
  readonly reason: string;
}

/** All vectors that are exempt. */
export const exemptions: ReadonlyMap<string, Exemption> = new Map<string, Exemption>([
  [
    "metadata/marshal-description-accumulates",
    { allows: "metadata", reason: "descriptions of one op do not leak into those that come after it" },
  ],
  [
    "metadata/description-accumulates-in-a-graph",
    { allows: "metadata", reason: "descriptions of one op do not leak into those that come after it" },
  ],
  ["exec/shlex-unterminated", { allows: "refusal", reason: "a command line with an open quote is an error" }],
  [
    "exec/mount-duplicate-target",
    { allows: "refusal", reason: "which of two mounts on one target wins is left to chance" },
  ],
  [
    "exec/mount-relative-and-empty-target",
    { allows: "refusal", reason: "an empty mount target hides the root" },
  ],
  ["exec/mount-cache-empty-id", { allows: "refusal", reason: "a cache without an id is no cache" }],
  ["exec/mount-cache-and-tmpfs", { allows: "refusal", reason: "a mount is of one kind" }],
  ["image/layer-limit-zero", { allows: "refusal", reason: "no daemon accepts a limit of zero" }],
]);
