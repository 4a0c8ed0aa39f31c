/** The longest wait for the lock: a tab that holds it may be frozen. Requests without it are only more, not wrong. */
const LOCK_MS = 15_000;

/** The tabs of one origin that show the same inbox: they hear one another, and take turns in asking the server. */
export class Tabs<M> {
  readonly #name: string;
  readonly #channel: BroadcastChannel | undefined;

  constructor(name: string, hear: (message: M) => void) {
    this.#name = name;
    if (typeof BroadcastChannel === "undefined") return;
    this.#channel = new BroadcastChannel(name);
    this.#channel.onmessage = ({ data }: MessageEvent<M>) => hear(data);
  }

  post(message: M): void {
    this.#channel?.postMessage(message);
  }

  close(): void {
    this.#channel?.close();
  }

  /** Runs while no other tab does. */
  async inTurn<R>(what: string, run: () => Promise<R>): Promise<R> {
    // Node 20, React Native, and pages that are not from https: or localhost have no locks.
    const locks = (globalThis as { navigator?: { locks?: LockManager } }).navigator?.locks;
    if (!locks) return run();
    const impatience = new AbortController();
    const timer = setTimeout(() => impatience.abort(), LOCK_MS);
    let begun = false;
    try {
      return await locks.request(`${this.#name}-${what}`, { signal: impatience.signal }, () => {
        begun = true;
        clearTimeout(timer);
        return run();
      });
    } catch (error) {
      // Late, or forbidden as in a sandboxed frame.
      if (begun) throw error;
      return await run();
    } finally {
      clearTimeout(timer);
    }
  }
}

/**
 * The name that the tabs of one user share, or undefined if the token does not name the user. It is a hash: other
 * scripts of the origin learn neither user nor token.
 */
export function nameOf(url: string, token: string, client: string | undefined): string | undefined {
  try {
    const payload = token.split(".")[1]!.replaceAll("-", "+").replaceAll("_", "/");
    const { iss, tenant, sub } = JSON.parse(atob(payload)) as Record<string, unknown>;
    const user = client ?? sub;
    if (typeof user !== "string") return undefined;
    return `saasaparilla-inbox-${hash(JSON.stringify([url, iss, tenant, user]))}`;
  } catch {
    return client === undefined ? undefined : `saasaparilla-inbox-${hash(JSON.stringify([url, client]))}`;
  }
}

/** 64 bits of FNV-1a, as two halves: enough to tell the users of one browser apart. */
function hash(text: string): string {
  const half = (seed: number): string => {
    let sum = seed;
    for (let at = 0; at < text.length; at += 1) sum = Math.imul(sum ^ text.charCodeAt(at), 0x01000193);
    return (sum >>> 0).toString(36);
  };
  return `${half(0x811c9dc5)}-${half(0x1b873593)}`;
}
