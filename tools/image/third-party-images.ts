/** The public images that the Dockerfile, compose and the chart name. A test compares them. */
export const images = {
  node: "node:22.23.3-bookworm-slim",
  kafka: "apache/kafka:4.4.0",
  postgres: "postgres:18.4-bookworm",
  valkey: "valkey/valkey:9.1.2",
  haproxy: "haproxy:2.8.25",
  prometheus: "prom/prometheus:v2.42.0",
} as const;

export type ImageName = keyof typeof images;
