import { readFileSync } from "node:fs";
import type { z } from "zod";
import { Failure, messageOf } from "./errors.ts";

/** The settings of this process. For a wrong one it prints one line with its name, and the process ends. */
export function loadSettings<S extends z.ZodObject>(schema: S): z.output<S> {
  try {
    return readSettings(schema, process.env);
  } catch (error) {
    if (!(error instanceof Failure)) throw error;
    process.stderr.write(`${error.message}\n`);
    process.exit(1);
  }
}

export function readSettings<S extends z.ZodObject>(schema: S, env: NodeJS.ProcessEnv): z.output<S> {
  const present = Object.fromEntries(Object.entries(env).filter(([, value]) => value !== ""));
  for (const name of Object.keys(schema.shape)) present[name] ??= fromFile(`${name}_FILE`, present);
  const result = schema.safeParse(present);
  if (result.success) return result.data;
  const lines = result.error.issues.map((issue) => {
    const name = String(issue.path[0]);
    return `${name}: ${present[name] === undefined ? "is not set" : `${issue.message}, not ${JSON.stringify(shown(name, present[name]))}`}`;
  });
  throw new Failure(
    "fatal",
    `Wrong settings. ${lines.join("; ")}. Set the named environment variables and start again.`,
  );
}

/**
 * Files keep secrets better than an environment, which many tools print. REDIS_URL_FILE names a file with REDIS_URL.
 */
function fromFile(name: string, env: NodeJS.ProcessEnv): string | undefined {
  const path = env[name];
  if (path === undefined) return undefined;
  try {
    return readFileSync(path, "utf8").trim() || undefined;
  } catch (error) {
    throw new Failure("fatal", `Wrong settings. ${name}: ${path} cannot be read: ${messageOf(error)}.`, {
      cause: error,
    });
  }
}

/** A URL may carry a password, and headers a token. They are never printed. */
function shown(name: string, value: string): string {
  return /URL|SECRET|PASSWORD|TOKEN|HEADERS/.test(name) ? "(hidden)" : value;
}
