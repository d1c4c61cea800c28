import { describe, expect, it } from "vitest";
import { debianMirrors, parseDeb822Sources, parseOneLineSources } from "../../scripts/debian/sources.ts";

const keyring = "/usr/share/keyrings/debian-archive-keyring.gpg";

describe("parseOneLineSources", () => {
  it("reads addresses, releases and keys, and leaves out what is switched off or holds source code", () => {
    const text = [
      "# deb http://commented.example/debian bookworm main",
      "deb http://mirror.example/debian bookworm main contrib # the usual",
      `deb [arch=amd64 signed-by=${keyring}] https://other.example/debian/ bookworm-updates main`,
      "deb-src http://mirror.example/debian bookworm main",
      "",
    ].join("\n");
    expect(parseOneLineSources(text)).toEqual([
      { uri: "http://mirror.example/debian", suites: ["bookworm"], components: ["main", "contrib"] },
      {
        uri: "https://other.example/debian/",
        suites: ["bookworm-updates"],
        components: ["main"],
        signedBy: keyring,
      },
    ]);
  });
});

describe("parseDeb822Sources", () => {
  it("reads stanzas with comments, several addresses and values over several lines", () => {
    const text = [
      "Types: deb deb-src",
      "# http://commented.example/",
      "URIs: http://one.example/debian http://two.example/debian",
      "Suites: bookworm",
      " bookworm-updates",
      "Components: main",
      `Signed-By: ${keyring}`,
      "",
      "Enabled: no",
      "Types: deb",
      "URIs: http://off.example/debian",
      "Suites: bookworm",
      "Components: main",
      "",
      "Types: deb-src",
      "URIs: http://source.example/debian",
      "Suites: bookworm",
      "Components: main",
    ].join("\n");
    const rest = { suites: ["bookworm", "bookworm-updates"], components: ["main"], signedBy: keyring };
    expect(parseDeb822Sources(text)).toEqual([
      { uri: "http://one.example/debian", ...rest },
      { uri: "http://two.example/debian", ...rest },
    ]);
  });
});

describe("debianMirrors", () => {
  const source = (uri: string, suite: string, more: { components?: string[]; signedBy?: string } = {}) => ({
    uri,
    suites: [suite],
    components: ["main"],
    ...more,
  });

  it("takes what carries the machine's release, and puts what is called debian first", () => {
    const plain = source("http://cache.example/archive", "bookworm");
    const named = source("http://mirror.example/debian/", "bookworm", { signedBy: keyring });
    expect(debianMirrors([plain, named], "bookworm")).toEqual([named, plain]);
  });

  it("leaves out other people's packages, other releases and disks", () => {
    const others = [
      source("https://packages.example/apt", "bookworm", { signedBy: "/usr/share/keyrings/example.gpg" }),
      source("http://mirror.example/debian", "bookworm", { components: ["contrib"] }),
      source("http://mirror.example/debian-security", "bookworm-security"),
      source("cdrom:[Debian 12]/", "bookworm"),
    ];
    expect(debianMirrors(others, "bookworm")).toEqual([]);
  });
});
