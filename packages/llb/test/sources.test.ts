import * as llb from "@buildkit-node/llb";
import { describe, expect, it } from "vitest";
import { marshalled } from "./support/graphs.ts";

function sourceOf(state: llb.State): {
  readonly id: string | undefined;
  readonly attrs: Record<string, string>;
} {
  const source = marshalled(state).vertices[0]?.op.source;
  return { id: source?.identifier, attrs: Object.fromEntries(source?.attrs ?? []) };
}

describe("git addresses", () => {
  it.each([
    ["github.com/foo/bar.git", "git://github.com/foo/bar.git", "https://github.com/foo/bar.git"],
    ["https://u:p@h:8443/a/../b", "git://h:8443/b", "https://u:p@h:8443/a/../b"],
    ["HTTPS://H/a", "git://H/a", "https://H/a"],
    ["http://h/a%20b/c/", "git://h/a b/c", "http://h/a%20b/c/"],
    ["http://h/é b", "git://h/é b", "http://h/%C3%A9%20b"],
    ["http://h/a(b)%2Fc", "git://h/a(b)/c", "http://h/a(b)%2Fc"],
    ["http://h/a(b) c%2Fd", "git://h/a(b) c/d", "http://h/a%28b%29%20c/d"],
    ["https://u:@h:/x", "git://h:/x", "https://u:@h:/x"],
    ["https://a%40b:c%2fd@h/x", "git://h/x", "https://a%40b:c%2Fd@h/x"],
    ["https://h", "git://h/", "https://h"],
    ["git://[::1]:9418/x", "git://[::1]:9418/x", "git://[::1]:9418/x"],
    ["git@host:/abs//p", "git://host/abs/p", "git@host:/abs//p"],
    ["git@host:p/../q", "git://host/q", "git@host:p/../q"],
    ["ssh://git@h:22/x", "git://h:22/x", "ssh://git@h:22/x"],
    ["ssh+git://x", "git://ssh+git:/x", "https://ssh+git://x"],
    ["my.user@host:path", "git://https://my.user@host:path", "https://my.user@host:path"],
    ["ftp://x/y", "git://ftp://x/y", "ftp://x/y"],
    ["https://h:port/x", "git://https://h:port/x", "https://h:port/x"],
    ["https://h/%zz", "git://https://h/%zz", "https://h/%zz"],
    ["https://a b/x", "git://https://a b/x", "https://a b/x"],
  ])("%s is %s", (address, id, url) => {
    const { id: actual, attrs } = sourceOf(llb.git(address));
    expect([actual, attrs["git.fullurl"]]).toEqual([id, url]);
  });

  it.each([
    ["https://h/r#main", {}, "git://h/r#main"],
    ["https://h/r#main:/a/../b/", {}, "git://h/r#main:b"],
    ["https://h/r#:sub", {}, "git://h/r#:sub"],
    ["git@h:r#v1:sub", {}, "git://h/r#v1:sub"],
    ["https://h/r#a%20b", {}, "git://h/r#a b"],
    ["https://h/r#main:a", { ref: "v2" }, "git://h/r#v2:a"],
    ["https://h/r", { subdir: "a/../b" }, "git://h/r#:a/../b"],
  ])("%s with %j is %s", (address, options, id) => {
    expect(sourceOf(llb.git(address, options)).id).toBe(id);
  });

  it("over SSH name the agent, and the host's keys if they are given", () => {
    expect(sourceOf(llb.git("git@h:r")).attrs).toMatchObject({ "git.mountsshsock": "default" });
    expect(
      sourceOf(llb.git("git@h:r", { knownHosts: ["a k1", "b k2\n"], sshSocket: "deploy" })).attrs,
    ).toMatchObject({
      "git.knownsshhosts": "a k1\nb k2\n",
      "git.mountsshsock": "deploy",
    });
    expect(sourceOf(llb.git("https://h/r", { knownHosts: "a k1" })).attrs).not.toHaveProperty(
      "git.knownsshhosts",
    );
  });
});

describe("shlex", () => {
  it.each([
    ["", []],
    ["a  b\tc\nd", ["a", "b", "c", "d"]],
    [`a"b"'c' '' ""`, ["abc", "", ""]],
    [`"a \\" \\\\ $x" 'b \\ "' c\\ d`, [`a " \\ $x`, `b \\ "`, "c d"]],
    ["a # b\nc x#y #z", ["a", "c", "x#y"]],
  ])("splits %j", (line, words) => {
    expect(llb.shlex(line)).toEqual(words);
  });
});

describe("extra hosts", () => {
  it.each([
    ["10.0.0.1", "10.0.0.1"],
    ["2001:0DB8:0:0:0:0:0:1", "2001:db8::1"],
    ["::", "::"],
    ["::1", "::1"],
    ["1::", "1::"],
    ["1:0:0:2:0:0:0:3", "1:0:0:2::3"],
    ["1:0:2:0:3:0:4:0", "1:0:2:0:3:0:4:0"],
    ["::ffff:10.0.0.2", "10.0.0.2"],
    ["64:ff9b::10.0.0.1", "64:ff9b::a00:1"],
  ])("writes %s as %s", (ip, short) => {
    expect(llb.scratch().extraHost("h", ip).settings.extraHosts).toEqual([{ host: "h", ip: short }]);
  });

  it.each([
    "",
    "1.2.3",
    "1.2.3.256",
    "01.2.3.4",
    "1::2::3",
    "1:2:3:4:5:6:7",
    "1:2:3:4:5:6:7:8:9",
    "12345::",
    "::1.2.3",
    "g::",
  ])("refuses %j", (ip) => {
    expect(() => llb.scratch().extraHost("h", ip)).toThrow(llb.LlbError);
  });
});
