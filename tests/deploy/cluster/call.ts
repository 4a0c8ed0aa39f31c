import { execFile } from "node:child_process";

export interface CallOptions {
  input?: string;
  env?: NodeJS.ProcessEnv;
  cwd?: string;
}

/** What a tool prints. It never keeps the load from going on, which is in this process too. */
export function call(file: string, args: readonly string[], { input, ...options }: CallOptions = {}): Promise<string> {
  return new Promise((resolve, reject) => {
    const child = execFile(file, args, { maxBuffer: 64 << 20, ...options }, (error, stdout, stderr) => {
      if (error) reject(new Error(`${file} ${args.slice(0, 6).join(" ")}: ${stderr || stdout || error.message}`));
      else resolve(stdout);
    });
    // A tool that does not read to the end says itself what is wrong.
    child.stdin?.on("error", () => {});
    child.stdin?.end(input ?? "");
  });
}
