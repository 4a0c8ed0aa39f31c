import type { Bearer } from "#tests/support/tokens.ts";

/** The properties of a platform that a load needs. */
export interface Platform {
  receivers: readonly string[];
  distributors: readonly string[];
  token(bearer: Bearer): Promise<string>;
  heartbeatMs: number;
}
