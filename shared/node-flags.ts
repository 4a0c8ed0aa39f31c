/**
 * What Node is given to run a service. What is read, routed and acknowledged lives for some tens of milliseconds: in a young generation of
 * 64 MiB instead of V8's 16 most of it is gone before anybody looks, and is not copied. docs/performance.md has what it gives.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=64"];
