import { execFileSync, spawnSync } from "node:child_process";
import { UserError } from "#local/process/user-error.ts";

type Identity = { uid: number | undefined; gid: number | undefined };
type Wrapped = Identity & { file: string; args: string[] };

/** Postgres refuses to run as root. For root it runs as `nobody`; for other users it runs as the same user. */
export async function unprivileged(
  binary: string,
  data: string,
): Promise<Identity & { wrap: (file: string, args: string[]) => Wrapped }> {
  if (process.getuid?.() !== 0) {
    return { uid: undefined, gid: undefined, wrap: (file, args) => ({ file, args, uid: undefined, gid: undefined }) };
  }
  const uid = idOf("-u");
  const gid = idOf("-g");
  const reach = ["-x", binary, "-a", "-x", data];
  if (spawnSync("test", reach, { uid, gid }).status === 0)
    return { uid, gid, wrap: (file, args) => ({ file, args, uid, gid }) };

  // The clone may be in a folder that only root may enter, such as /root. `nobody` may then pass through it, no more.
  const lend = [
    `--reuid=${uid}`,
    `--regid=${gid}`,
    "--clear-groups",
    // Otherwise access(2), with which initdb looks for postgres, would ignore that right.
    "--securebits=+no_setuid_fixup",
    "--inh-caps=+dac_override",
    "--ambient-caps=+dac_override",
  ];
  if (spawnSync("setpriv", [...lend, "test", ...reach]).status !== 0) {
    throw new UserError(
      "Postgres may not run as root, and other users may not enter this folder.",
      "Clone to a folder that others may enter, or run as another user than root.",
    );
  }
  // uid and gid name the owner of the files. setpriv itself starts as root and changes to them.
  return {
    uid,
    gid,
    wrap: (file, args) => ({ file: "setpriv", args: [...lend, file, ...args], uid: undefined, gid: undefined }),
  };
}

const idOf = (option: "-u" | "-g"): number => Number(execFileSync("id", [option, "nobody"], { encoding: "utf8" }));
