import { backing } from "#local/stores/backing.ts";

/**
 * Before the stack's tests: what they stand on runs, and its URLs are in the environment, where the services read them
 * too.
 */
export default async function setup(): Promise<void> {
  Object.assign(process.env, await backing());
}
