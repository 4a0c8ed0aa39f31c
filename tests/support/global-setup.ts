import { backing } from "#local/stores/backing.ts";

/**
 * Before the stack's tests: starts their stores, and puts the URLs into the environment, where the services read them,
 * too.
 */
export default async function setup(): Promise<void> {
  Object.assign(process.env, await backing());
}
