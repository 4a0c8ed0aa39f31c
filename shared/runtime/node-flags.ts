/**
 * What Node is given to run a service. What is read, routed and acknowledged lives for some tens of milliseconds: in a young generation of
 * 64 MiB instead of V8's 16 most of it is gone before anybody looks, and is not copied. And the old generation is not collected
 * before it has 128 MiB: with buffers that come and go outside of it V8 would do so each second. docs/internals/decisions/0016-young-generation.md
 * has what it gives.
 */
export const NODE_FLAGS: readonly string[] = ["--max-semi-space-size=64", "--initial-old-space-size=128"];
