import { backing } from "#local/stores/backing.ts";

/**
 * Starts the stores before the stack's tests, and puts their URLs into the environment. The services also read them
 * there.
 */
export default async function setup(): Promise<void> {
  Object.assign(process.env, await backing());
}
