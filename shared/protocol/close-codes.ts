/** Why the server closes, and what the client does then (R30). PROTOCOL.md has the same table; a test compares them. */
export interface Close {
  /** Code of the WebSocket close frame (RFC 6455, 7.4), and of the `closing` event of the other transports. */
  code: number;
  reason: string;
  /** `now`: with jitter, at once. `token`: with a new token. `no`: the same request would end the same way. */
  reconnect: "now" | "token" | "no";
  /** Seconds to wait before it, so that clients that are closed together do not return together (R31). */
  retryAfter?: number;
}

export const CloseCodes = {
  restart: { code: 1012, reason: "The server is restarting", reconnect: "now" },
  slow: { code: 4000, reason: "The client did not read for too long", reconnect: "now" },
  badFrame: { code: 4001, reason: "Invalid frame", reconnect: "no" },
  tokenExpired: { code: 4002, reason: "The token has expired", reconnect: "token" },
  forbidden: { code: 4003, reason: "Forbidden", reconnect: "no" },
  withdrawn: { code: 4004, reason: "Access was withdrawn", reconnect: "token" },
  flood: { code: 4010, reason: "Too many frames", reconnect: "now" },
  replaced: { code: 4011, reason: "Replaced by a newer connection", reconnect: "no" },
  disconnected: { code: 4012, reason: "Disconnected by an operator", reconnect: "now" },
} as const satisfies Record<string, Close>;
