import {
  keepPreviousData,
  QueryClient,
  useMutation,
  useQuery,
  useQueryClient,
  type UseMutationResult,
  type UseQueryResult,
} from "@tanstack/react-query";
import { request } from "./client.ts";
import { Problem } from "./problem.ts";

/** A request that can only fail again is not repeated. */
const passes = (error: Error): boolean =>
  error instanceof Problem && (error.status === 0 || error.status === 429 || error.status >= 500);

export const queries = new QueryClient({
  defaultOptions: {
    queries: {
      staleTime: 5_000,
      retry: (count, error) => count < 2 && passes(error),
      // A store that is away comes back: the page then shows it without a click.
      refetchInterval: ({ state }) => (state.error !== null && passes(state.error) ? 5_000 : false),
    },
  },
});

interface Options {
  query?: Record<string, string | number | boolean | undefined>;
  /** Milliseconds between reads while the page is visible. */
  every?: number;
  /** False: not yet. */
  when?: boolean;
}

export function useRead<T>(path: string, { query, every, when = true }: Options = {}): UseQueryResult<T> {
  return useQuery<T>({
    queryKey: [path, query ?? {}],
    queryFn: ({ signal }) => request<T>("GET", path, { query, signal }),
    placeholderData: keepPreviousData,
    enabled: when,
    ...(every !== undefined && { refetchInterval: every }),
  });
}

export interface Change<Body> {
  method: "POST" | "PUT" | "DELETE";
  path: string;
  body?: Body;
}

/** A write. When it is done, everything whose path begins with one of `renews` is read again. */
export function useWrite<Answer = unknown, Body = unknown>(
  ...renews: string[]
): UseMutationResult<Answer, Error, Change<Body>> {
  const client = useQueryClient();
  return useMutation<Answer, Error, Change<Body>>({
    mutationFn: ({ method, path, body }) => request<Answer>(method, path, { body }),
    onSuccess: () =>
      client.invalidateQueries({
        predicate: ({ queryKey: [path] }) =>
          typeof path === "string" && renews.some((renewed) => path.startsWith(renewed)),
      }),
  });
}
