import { signToken } from "./sign-token.ts";

const SECONDS = 600;

/** The token is in the fragment, which no browser sends, so no log has it. */
export async function signInLink(console: string): Promise<string> {
  const token = await signToken({ operator: "developer", ttl: SECONDS });
  return `${console}/#sign-in=${token}`;
}
