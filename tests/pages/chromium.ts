import { existsSync } from "node:fs";
import { chromium, type Browser } from "playwright-core";
import { makePaths } from "#local/process/paths.ts";
import { step } from "#local/process/progress.ts";
import { runTool } from "#local/process/run-tool.ts";
import { UserError } from "#local/process/user-error.ts";

const DEBIAN = "/usr/bin/chromium";
const KNOWN = [
  DEBIAN,
  "/usr/bin/chromium-browser",
  "/usr/bin/google-chrome",
  "/Applications/Google Chrome.app/Contents/MacOS/Google Chrome",
];
const ARGS = ["--disable-gpu", "--no-first-run", "--disable-background-networking", "--disable-component-update"];

/** A real browser: the one in CHROMIUM, an installed one, or Debian's, which root installs. */
export async function launchChromium(): Promise<Browser> {
  const named = process.env.CHROMIUM;
  const executablePath = named ?? KNOWN.find((file) => existsSync(file)) ?? (await installed());
  // Chromium's sandbox does not start as root.
  const sandbox = process.getuid?.() === 0 ? ["--no-sandbox"] : [];
  return chromium.launch({ executablePath, args: [...ARGS, ...sandbox] });
}

async function installed(): Promise<string> {
  const fix = "Install Chromium or Chrome, or name it by CHROMIUM=/path/to/chromium.";
  if (!existsSync("/usr/bin/apt-get") || process.getuid?.() !== 0) throw new UserError("There is no Chromium.", fix);
  makePaths();
  await step("Chromium of Debian", async () => {
    const env = { ...process.env, DEBIAN_FRONTEND: "noninteractive" };
    await runTool("apt-get", ["update", "-q"], { log: "apt", fix, env });
    await runTool("apt-get", ["install", "-yq", "--no-install-recommends", "chromium"], { log: "apt", fix, env });
  });
  return DEBIAN;
}
