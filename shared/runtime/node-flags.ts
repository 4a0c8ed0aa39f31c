/**
 * Node's flags for a service. Data that is read, routed and acknowledged lives for some tens of milliseconds. In a
 * young generation of 64 MiB instead of V8's 16 most of it dies before a collection, and is not copied. The old
 * generation is not collected before it has 128 MiB. Otherwise V8 would collect it each second, because of short-lived
 * buffers outside of it. docs/internals/decisions/0016-young-generation.md has the gains.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=64", "--initial-old-space-size=128"];
