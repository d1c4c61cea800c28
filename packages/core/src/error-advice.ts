/** What a daemon says, and what the caller of a build can do about it. */
const known: readonly (readonly [said: RegExp, advice: (match: RegExpMatchArray) => string])[] = [
  [
    /granting entitlement (\S+) is not allowed by build daemon configuration/,
    ([, entitlement]) => `the daemon's own configuration must allow ${entitlement} first`,
  ],
  [
    /\b(network\.host|security\.insecure|device\b.*?) is not allowed/,
    ([, entitlement]) => `the build may do that with entitlements: [${JSON.stringify(entitlement)}]`,
  ],
  [
    /unknown entitlement \S+/,
    () => 'there are "network.host", "security.insecure", and "device" or "device=<name>"',
  ],
  [
    /received message larger than max \(\d+ vs\. (\d+)\)/,
    ([, bytes]) =>
      `the daemon takes requests of ${Number(bytes) / 2 ** 20} MiB at most: give large contents as a local source`,
  ],
  [
    /invalid frontend: (\S+)/,
    ([, frontend]) =>
      `a daemon has dockerfile.v0 built in; a frontend that is an image is { frontend: "gateway.v0" } with ` +
      `frontendAttrs: { source: ${JSON.stringify(frontend)} }`,
  ],
  [/secret (\S+): not found/, ([, id]) => `give it to the build with secrets: { ${JSON.stringify(id)}: … }`],
  [
    /no SSH key "(.*?)" forwarded/,
    ([, id]) => `give it to the build with ssh: [${JSON.stringify(id || "default")}]`,
  ],
  [
    /failed to calculate checksum of ref \S+: (?:"(.*)": not found|failed to walk)/,
    () => "check the path, and that no .dockerignore or exclude pattern leaves the file out",
  ],
  [
    /exporter "(oci|docker|image)" could not be found/,
    ([, type]) =>
      `a Docker Engine has the exporter ${type} only with its containerd image store (since 24.0); ` +
      "local and tar are there without it",
  ],
];

/** What to do about an error of a build; `undefined` where its words say all that there is to say. */
export function errorAdvice(text: string): string | undefined {
  for (const [said, advice] of known) {
    const match = said.exec(text);
    if (match !== null) return advice(match);
  }
  return undefined;
}
