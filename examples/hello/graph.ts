import { llb } from "buildkit-node";

/** A root filesystem with nothing but a static busybox, which the local directory `tools` holds. */
export function busyboxRoot(): llb.State {
  return llb
    .scratch()
    .file(llb.copy(llb.local("tools"), "busybox", "/bin/busybox", { createDestPath: true, mode: 0o755 }))
    .run(["/bin/busybox", "--install", "-s", "/bin"], { name: "install busybox" })
    .env("PATH", "/bin");
}

/**
 * The site and its start script, without the system they were made with: a step fills in the pages, a copy adds the
 * script, and the two are laid over each other.
 *
 * @param base any root filesystem with a shell and sed
 */
export function helloSite(base: llb.State): llb.State {
  const app = llb.local("app", { exclude: ["**/*.md"] });
  const pages = base.exec(["sh", "-ec", fillIn], {
    name: "fill in the pages",
    mounts: [llb.bind("/app", app, { readonly: true }), llb.bind("/out", llb.scratch())],
  }).mounts["/out"];
  const script = llb.scratch().file(llb.copy(app, "bin/serve", "/srv/bin/serve", { createDestPath: true }));
  return llb.merge([pages, script]);
}

const fillIn = `
  value() { sed -n "s/^$1 = //p" /app/config/site.conf; }
  mkdir -p /out/srv/site
  ln -s bin/serve /out/srv/start
  cp -R /app/public/. /out/srv/site/
  rm /out/srv/site/site.conf
  sed -e "s/@TITLE@/$(value title)/" -e "s/@GREETING@/$(value greeting)/" \\
    /app/public/index.html > /out/srv/site/index.html
`;
