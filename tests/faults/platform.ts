import type { Bearer } from "#tests/support/tokens.ts";

/** What a load needs to know of the platform that it runs against. */
export interface Platform {
  receivers: readonly string[];
  distributors: readonly string[];
  token(bearer: Bearer): Promise<string>;
  heartbeatMs: number;
}
