import { execFile } from "node:child_process";

export interface CallOptions {
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** The output of a tool. It never blocks the load, which runs in this process, too. */
export function call(file: string, args: readonly string[], { input, ...options }: CallOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, { maxBuffer: 64 << 20, ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file} ${args.slice(0, 6).join(" ")}: ${stderr || stdout || error.message}`));
      else resolve(stdout);
    });
    // A tool that does not read its whole input reports the error itself.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}
