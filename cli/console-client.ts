import { signToken } from "#local/sign-token.ts";
import { port } from "#local/process/ports.ts";
import { UserError, reasonOf } from "#local/process/user-error.ts";

export const consoleUrl = process.env.CONSOLE_URL || `http://localhost:${port("CONSOLE_PORT")}`;

interface Said {
  detail?: string;
  errors?: { pointer: string; detail: string }[];
}

/** Asks the console as one who runs the platform; what it refuses is told with its usage. */
export async function askConsole<T>(
  method: "GET" | "PUT" | "POST" | "DELETE",
  path: string,
  usage: string,
  body?: object,
): Promise<T> {
  const headers = {
    authorization: `Bearer ${await signToken({ operator: "local" })}`,
    "content-type": "application/json",
  };
  const options = { method, headers, ...(body && { body: JSON.stringify(body) }) };
  const response = await fetch(`${consoleUrl}${path}`, options).catch((error: unknown) => {
    throw new UserError(`The console at ${consoleUrl} does not answer: ${reasonOf(error)}.`, "Start it: npx just up");
  });
  const text = await response.text();
  const answer = (text === "" ? {} : JSON.parse(text)) as T & Said;
  if (response.ok) return answer;
  const places = answer.errors?.map(({ pointer, detail }) => `${pointer || "it"}: ${detail}`).join("; ");
  throw new UserError(`${places ?? answer.detail ?? response.statusText}${places ? "." : ""}`, usage);
}
