import { bind, cache, mkdir, mkfile, type State, scratch, tmpfs } from "@buildkit-node/llb";
import { describeGraphs, step } from "../../support/graph-cases.ts";
import { shellRoot } from "../../support/test-root.ts";

const files: State = scratch().file([mkdir("/sub"), mkfile("/f", "top\n"), mkfile("/sub/f", "below\n")]);
/** For caches that no earlier run has filled. */
const fresh = `${Date.now()}-${Math.random()}`;

describeGraphs("bind mounts", {
  "can be read and written; what is written is an output": {
    state: () =>
      shellRoot.exec(["/bin/sh", "-c", "cat /m/f >/m/copied; rm /m/f"], { mounts: [bind("/m", files)] })
        .mounts["/m"],
    look: "cat copied; ls",
    prints: "top\ncopied\nsub",
  },
  "leave their source alone": {
    state: () => {
      const { mounts } = shellRoot.exec(["/bin/rm", "/m/f"], { mounts: { "/m": files } });
      return step("cat /before/f; ls /after", {
        mounts: [bind("/before", files), bind("/after", mounts["/m"])],
      });
    },
    prints: "top\nsub",
  },
  readonly: {
    state: () =>
      step("cat /m/f; touch /m/new || true", {
        mounts: [bind("/m", files, { readonly: true })],
      }),
    prints: /^top\ntouch: .*Read-only/,
  },
  "path: a part of the source": {
    state: () => step("cat /m/f", { mounts: [bind("/m", files, { path: "/sub", readonly: true })] }),
    prints: "below",
  },
  "path: a file": {
    state: () => step("cat /file", { mounts: [bind("/file", files, { path: "/sub/f", readonly: true })] }),
    prints: "below",
  },
  "output: false may be written, and is forgotten": {
    state: () => step("echo new >/m/f; cat /m/f", { mounts: [bind("/m", files, { output: false })] }),
    prints: "new",
  },
  "of an empty filesystem": {
    state: () => step("ls /m | wc -l", { mounts: [bind("/m", scratch())] }),
    prints: "0",
  },
  "one below another, whatever their order": {
    state: () => step("cat /m/f /m/sub/f", { mounts: [bind("/m/sub", files), bind("/m", files)] }),
    prints: "top\ntop",
  },
  "leave nothing in the root": {
    state: () => shellRoot.run(["/bin/true"], { mounts: [bind("/made/for/it", files)] }),
    look: "ls",
    prints: /^bin(\n(dev|etc|proc|sys))*$/,
  },
});

/** A step after another one. */
const after = (before: State, commands: string, mounts: Parameters<typeof step>[1] = {}) =>
  step(commands, { ...mounts, mounts: [...(mounts.mounts ?? []), bind("/before", before)] });

/** A step waits, for half a minute at most, until another has made a file. */
const until = (file: string) =>
  `for i in $(seq 300); do [ -e ${file} ] && break; sleep 0.1; done; [ -e ${file} ]`;

describeGraphs("cache mounts", {
  "keep what is in them, by their id": {
    state: () => {
      const id = `keep-${fresh}`;
      const first = step("echo kept >/c/f", { mounts: [cache("/c", { id })] });
      return after(first, "cat /elsewhere/f", { mounts: [cache("/elsewhere", { id })] });
    },
    prints: "kept",
  },
  "go by their target without an id": {
    state: () => {
      const target = `/c-${fresh}`;
      const first = step(`echo kept >${target}/f`, { mounts: [cache(target)] });
      return after(first, "cat /other/f", { mounts: [cache("/other", { id: target })] });
    },
    prints: "kept",
  },
  "start with what is in a state, or in a part of it": {
    state: () =>
      step("cat /whole/f /part/f", {
        mounts: [
          cache("/whole", { id: `whole-${fresh}`, from: files }),
          cache("/part", { id: `part-${fresh}`, from: files, path: "/sub" }),
        ],
      }),
    prints: "top\nbelow",
  },
  readonly: {
    state: () =>
      step("touch /c/f || true", {
        mounts: [cache("/c", { id: `ro-${fresh}`, readonly: true })],
      }),
    prints: /Read-only/,
  },
  "shared: two steps have it at once": {
    state: () => {
      const id = `shared-${fresh}`;
      const meet = (mine: string, other: string) =>
        step(`touch /c/${mine}; ${until(`/c/${other}`)}; echo met`, {
          mounts: [cache("/c", { id, sharing: "shared" })],
        });
      return after(meet("a", "b"), "cat /before/said /b/said", { mounts: [bind("/b", meet("b", "a"))] });
    },
    prints: "met\nmet",
  },
  "private: two steps at once have one each": {
    state: () => {
      const meet = (mine: string, other: string) =>
        step(`touch /own/${mine} /meet/${mine}; ${until(`/meet/${other}`)}; ls /own`, {
          mounts: [
            cache("/own", { id: `private-${fresh}`, sharing: "private" }),
            cache("/meet", { id: `meet-${fresh}` }),
          ],
        });
      return after(meet("a", "b"), "cat /before/said /b/said", { mounts: [bind("/b", meet("b", "a"))] });
    },
    prints: "a\nb",
  },
  "locked: one step after the other": {
    state: () => {
      const mounts = [cache("/c", { id: `locked-${fresh}`, sharing: "locked" })];
      const turn = (name: string) =>
        step(`: ${name}; echo in >>/c/log; sleep 0.3; echo out >>/c/log`, { mounts });
      return after(turn("a"), "cat /c/log", { mounts: [...mounts, bind("/b", turn("b"))] });
    },
    prints: "in\nout\nin\nout",
  },
});

describeGraphs("tmpfs mounts", {
  "are in memory, empty, and gone afterwards": {
    state: () =>
      shellRoot.run(["/bin/sh", "-c", "grep ' /t ' /proc/mounts | cut -d' ' -f3 >/said; touch /t/f"], {
        mounts: [tmpfs("/t")],
      }),
    look: "cat said; ls t",
    prints: /^tmpfs\n(ls: t: No such file or directory\nexit code 1)?$/,
  },
  sizeBytes: {
    state: () =>
      step(
        "df -k /t | awk 'END { print $2 }'; dd if=/dev/zero of=/t/f bs=1M count=3 2>&1 | grep -c 'No space'",
        {
          mounts: [tmpfs("/t", { sizeBytes: 2 * 2 ** 20 })],
        },
      ),
    prints: "2048\n1",
  },
  readonly: {
    state: () => step("touch /t/f || true", { mounts: [tmpfs("/t", { readonly: true })] }),
    prints: /Read-only/,
  },
});
