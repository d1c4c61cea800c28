/**
 * What is taken from Debian, and from which of its releases. The releases decide the versions.
 */

export interface PackageSet {
  /** A release's name; `machine` for the one that the machine runs, whose programs need nothing newer than it has. */
  readonly suite: string;
  readonly packages: readonly string[];
  /** Whether what they depend on, and the machine lacks, belongs to the set. Default: false. */
  readonly withDependencies?: boolean;
  /** For people: what it is there for. */
  readonly purpose: string;
}

export type SetName = keyof typeof packageSets;

export const packageSets = {
  "engine-testing": { suite: "testing", packages: ["docker.io"], purpose: "Docker Engine of Debian testing" },
  "engine-stable": { suite: "trixie", packages: ["docker.io"], purpose: "Docker Engine of Debian 13" },
  "engine-oldest": {
    suite: "bookworm",
    packages: ["docker.io", "libdevmapper1.02.1"],
    purpose: "Docker Engine of Debian 12",
  },
  runtime: {
    suite: "machine",
    packages: ["containerd", "runc"],
    purpose: "containerd and runc for the engines",
  },
  "runtime-oldest": {
    suite: "bookworm",
    packages: ["containerd", "runc"],
    purpose: "containerd and runc of Debian 12, for its engine on a machine with a later release",
  },
  busybox: {
    suite: "machine",
    packages: ["busybox-static"],
    purpose: "a root filesystem without a registry",
  },
  registry: { suite: "machine", packages: ["docker-registry"], purpose: "an image registry" },
  sshd: {
    suite: "machine",
    packages: ["openssh-server"],
    withDependencies: true,
    purpose: "an SSH server",
  },
  chromium: {
    suite: "machine",
    packages: ["chromium-headless-shell", "chromium-common"],
    withDependencies: true,
    purpose: "a browser without a screen (about 150 MB)",
  },
  buildx: { suite: "testing", packages: ["docker-buildx"], purpose: "a Go client to compare with" },
} as const satisfies Record<string, PackageSet>;

export function isSetName(name: string): name is SetName {
  return name in packageSets;
}
