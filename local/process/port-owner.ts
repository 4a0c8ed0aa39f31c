import { execFile } from "node:child_process";
import { readdir, readFile, readlink } from "node:fs/promises";
import { promisify } from "node:util";

/**
 * The process that listens on a local port, as "name (pid 123)". Undefined if that is not visible. Use it only in
 * messages, and never depend on it.
 */
export async function portOwner(port: number): Promise<string | undefined> {
  return process.platform === "linux" ? fromProc(port) : fromLsof(port);
}

async function fromProc(port: number): Promise<string | undefined> {
  const wanted = new Set<string>();
  for (const table of ["/proc/net/tcp", "/proc/net/tcp6"]) {
    const lines = (await readFile(table, "utf8").catch(() => "")).split("\n").slice(1);
    for (const line of lines) {
      const [, address, , state, , , , , , inode] = line.trim().split(/\s+/);
      // 0A: LISTEN.
      if (state === "0A" && inode !== undefined && Number.parseInt(address?.split(":")[1] ?? "", 16) === port)
        wanted.add(`socket:[${inode}]`);
    }
  }
  for (const pid of (await readdir("/proc")).filter((name) => /^\d+$/.test(name))) {
    // Processes may end meanwhile, and those of other users may not be readable.
    const descriptors = await readdir(`/proc/${pid}/fd`).catch(() => []);
    for (const descriptor of descriptors) {
      const target = await readlink(`/proc/${pid}/fd/${descriptor}`).catch(() => "");
      if (!wanted.has(target)) continue;
      const name = await readFile(`/proc/${pid}/comm`, "utf8").catch(() => "a process");
      return `${name.trim()} (pid ${pid})`;
    }
  }
  return undefined;
}

async function fromLsof(port: number): Promise<string | undefined> {
  const found = await promisify(execFile)("lsof", ["-nP", `-iTCP:${port}`, "-sTCP:LISTEN", "-Fpc"]).catch(() => ({
    stdout: "",
  }));
  const pid = /^p(\d+)$/m.exec(found.stdout)?.[1];
  const name = /^c(.+)$/m.exec(found.stdout)?.[1];
  return pid === undefined ? undefined : `${name ?? "a process"} (pid ${pid})`;
}
