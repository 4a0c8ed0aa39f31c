/** The services' own times, scaled to seconds, and limits low enough for a small load. */
export const SHORT: Record<string, string> = {
  LOG_LEVEL: "info",
  LEASE_MS: "3000",
  ACK_MS: "2000",
  HOLD_MS: "1500",
  INVITE_MS: "500",
  GROUP_SESSION_MS: "3000",
  SAFETY_NET_MS: "4000",
  HEARTBEAT_MS: "2000",
  STUCK_MS: "4000",
  SWEEP_MS: "1000",
  POLL_GRACE_MS: "5000",
  DRAIN_MS: "500",
  SHUTDOWN_MS: "5000",
  WINDOW: "32",
  LANE_MAX_QUEUED: "128",
  MAX_LANES: "60",
};
