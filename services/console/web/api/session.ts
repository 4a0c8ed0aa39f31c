import { queryOptions, useQuery } from "@tanstack/react-query";
import { createContext, use } from "react";
import { request, setCsrf } from "./client.ts";
import { Problem } from "./problem.ts";
import { queries } from "./queries.ts";
import type { Schemas } from "./schemas.ts";

export type Session = Schemas["GetSessionResult"];

const KEY = ["session"];
const SIGN_IN = "#sign-in=";

const session = queryOptions({
  queryKey: KEY,
  queryFn: async ({ signal }): Promise<Session | null> => {
    try {
      const found = await request<Session>("GET", "/v1/session", { signal });
      setCsrf(found.csrf);
      return found;
    } catch (error) {
      if (error instanceof Problem && (error.status === 401 || error.status === 403 || error.status === 404))
        return null;
      throw error;
    }
  },
  staleTime: Infinity,
});

export const useSessionQuery = () => useQuery(session, queries);

export const SessionContext = createContext<Session | undefined>(undefined);

export function useSession(): Session {
  const found = use(SessionContext);
  if (found === undefined) throw new Error("There is no session here.");
  return found;
}

export const useMay = (scope: "read" | "operate"): boolean => useSession().scopes.includes(scope);

/** Takes a one-use token from the fragment, and out of the address and its history. */
export function tokenOfAddress(): string | undefined {
  const { hash, pathname, search } = globalThis.location;
  if (!hash.startsWith(SIGN_IN)) return undefined;
  history.replaceState(null, "", pathname + search);
  return hash.slice(SIGN_IN.length);
}

export async function signIn(token: string): Promise<void> {
  await request("POST", "/v1/session", { token, body: {} });
  await queries.invalidateQueries({ queryKey: KEY });
}

export async function signOut(): Promise<void> {
  await request("DELETE", "/v1/session");
  setCsrf(undefined);
  queries.clear();
  globalThis.location.assign("/");
}
