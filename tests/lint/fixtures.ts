/**
 * A tree that breaks each important rule of `.oxlintrc.json`. A line that must be reported ends in `//!` and the rule's
 * name; every other line must pass. No code here is ever loaded.
 */
export const fixtures: Record<string, string> = {
  "services/receiver/publish/publish.ts": `
    import "#limits/request-admission.ts";
    import "@saasaparilla/shared/kafka/topic-names.ts";
    import "zod";
    import type { Verdict } from "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
    import "@saasaparilla/receiver/main.ts"; //! no-restricted-imports
    import "@saasaparilla/distributor"; //! no-restricted-imports
    import "@saasaparilla/shared-not/topics.ts"; //! no-restricted-imports
    import "@saasaparilla/client"; //! no-restricted-imports
    import "../../director/lanes/lane.ts"; //! no-relative-parent-imports
    import "./../../director/lanes/offset-tracker.ts"; //! no-relative-parent-imports
    import "../../../shared/kafka/client.ts"; //! no-relative-parent-imports
    import "../../../client/client.ts"; //! no-relative-parent-imports
    import "kafkajs"; //! no-restricted-imports
    import "uWebSockets.js"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    export type V = Verdict;
  `,
  "services/console/web/pages/overview.ts": `
    import "react";
    import "@saasaparilla/shared/settings.ts"; //! no-restricted-imports
    import "@saasaparilla/client"; //! no-restricted-imports
    import "../../main.ts"; //! no-relative-parent-imports
  `,
  "services/receiver/limits/request-admission.ts": `
    export const limits = 1;
  `,
  "services/receiver/publish/publish.test.ts": `
    import "./publish.ts";
    import "vitest";
    import "../../director/lanes/lane.ts"; //! no-relative-parent-imports
    import "@saasaparilla/director/lanes/offset-tracker.ts"; //! no-restricted-imports
    import "kafkajs"; //! no-restricted-imports
  `,
  "services/distributor/transports/routes.ts": `
    import "uWebSockets.js";
    import "@saasaparilla/shared/kafka/client.ts";
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
    import "../../director/lanes/offset-tracker.ts"; //! no-relative-parent-imports
    import "kafkajs"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
  `,
  "services/distributor/transports/socket-server.ts": `
    import "uWebSockets.js";
    import "@saasaparilla/shared/http/base-server.ts";
    import "kafkajs"; //! no-restricted-imports
  `,
  "services/distributor/transports/listen.ts": `
    import "uWebSockets.js";
    import "@saasaparilla/shared/http/certificate.ts";
    import "pg"; //! no-restricted-imports
  `,
  "services/distributor/transports/websocket.ts": `
    import type { WebSocket } from "uWebSockets.js"; //! no-restricted-imports
    export type Socket = WebSocket<unknown>;
  `,
  "services/director/main.ts": `
    export const host = process.env["HOST"];
  `,
  // Every way to import something.
  "services/director/ways.ts": `
    import { Kafka } from "kafkajs"; //! no-restricted-imports
    import type { Admin } from "kafkajs/types/index.js"; //! no-restricted-imports
    export { Partitioners } from "kafkajs/index.js"; //! no-restricted-imports
    export * from "kafkajs/src/protocol/index.js"; //! no-restricted-imports
    export type Consumer = import("kafkajs").Consumer; //! consistent-type-imports
    export const later = import("kafkajs"); //! no-restricted-imports
    export const required: unknown = require("kafkajs"); //! no-require-imports
    export const kafka = (): Admin => new Kafka({ brokers: [] }).admin();
  `,

  "shared/kafka/topic-names.ts": `
    import "#protocol/notification.ts";
    import "drizzle-orm";
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
    import "@saasaparilla/client"; //! no-restricted-imports
    import "../../services/receiver/limits/request-admission.ts"; //! no-relative-parent-imports
    import "../../client/client.ts"; //! no-relative-parent-imports
    import "kafkajs"; //! no-restricted-imports
    import "uWebSockets.js"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
  `,
  "shared/protocol/notification.ts": `
    export const notification = 1;
  `,
  "shared/protocol/notification.test.ts": `
    import "./notification.ts";
    import "kafkajs";
    import "uWebSockets.js"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
    import "../../services/receiver/limits/request-admission.ts"; //! no-relative-parent-imports
  `,
  "shared/kafka/client.ts": `
    import "kafkajs";
    import "uWebSockets.js"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
  `,
  "shared/http/server.ts": `
    import "uWebSockets.js"; //! no-restricted-imports
    import "kafkajs"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
  `,
  "shared/redis/client.ts": `
    import "ioredis";
    import "kafkajs"; //! no-restricted-imports
    import "uWebSockets.js"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
  `,
  "shared/postgres/client.ts": `
    import "pg";
    import "kafkajs"; //! no-restricted-imports
    import "uWebSockets.js"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
  `,

  "shared/dispatch/cron.ts": `
    import { Cron } from "croner";
    import type { Options } from "sift"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    export const cron = (options: Options): unknown[] => [Cron, options];
  `,
  "shared/dispatch/match.ts": `
    import type * as Sift from "sift";
    import sift, { createQueryTester } from "sift"; //! no-restricted-imports
    import "croner"; //! no-restricted-imports
    export const match = (load: typeof Sift): unknown[] => [load, sift, createQueryTester];
  `,
  "shared/dispatch/exchange.ts": `
    import "croner"; //! no-restricted-imports
    import type { Query } from "sift"; //! no-restricted-imports
    export type Rule = Query<unknown>;
  `,
  "services/console/documents.ts": `
    import "croner"; //! no-restricted-imports
    import "sift"; //! no-restricted-imports
  `,

  "client/client.ts": `
    import "./timing.ts";
    import "@saasaparilla/shared/protocol/client-frames.ts"; //! no-restricted-imports
    import "@saasaparilla/director/lanes/lane.ts"; //! no-restricted-imports
    import "../shared/protocol/notification.ts"; //! no-relative-parent-imports
    import "../services/receiver/limits/request-admission.ts"; //! no-relative-parent-imports
    import "kafkajs"; //! no-restricted-imports
    import "uWebSockets.js"; //! no-restricted-imports
    import "ioredis"; //! no-restricted-imports
    import "pg"; //! no-restricted-imports
    console.log("lost"); //! no-console
  `,
  "client/timing.ts": `
    export const backoff = 1;
  `,
  "client/subscribe.ts": `
    console.log(process.env["TOKEN"]);
  `,

  "tests/journey.test.ts": `
    import "kafkajs";
    import "ioredis";
    import "pg";
    import "@saasaparilla/client";
    import "#services/receiver/limits/request-admission.ts";
    import "../services/receiver/limits/request-admission.ts"; //! no-relative-parent-imports
    import "uWebSockets.js"; //! no-restricted-imports
    console.log("seen");
  `,
  "bench/publish.ts": `
    import "kafkajs";
    import "ioredis";
    import "pg";
    import "uWebSockets.js"; //! no-restricted-imports
    console.log("seen");
  `,
  "local/stores/kafka.ts": `
    import "kafkajs";
    import "ioredis";
    import "pg";
    import "uWebSockets.js"; //! no-restricted-imports
    console.log("seen");
  `,

  "cli/token.ts": `
    import "#local/sign-token.ts"; //! no-restricted-imports
    import "kafkajs"; //! no-restricted-imports
    import "#cli/run.ts";
    import "../local/sign-token.ts"; //! no-relative-parent-imports
    console.log("seen");
  `,
  "tools/demo.ts": `
    import "../tests/support/stack.ts"; //! no-relative-parent-imports
    console.log("seen");
  `,

  // Defects. The first four are seen only with types.
  "shared/defects.ts": `
    export async function send(): Promise<boolean> {
      return (await fetch("http://localhost")).ok;
    }
    send(); //! no-floating-promises
    if (send()) process.exitCode = 1; //! no-misused-promises
    [1].forEach(async () => { await send(); }); //! no-misused-promises
    export const port: number = JSON.parse("{}").port; //! no-unsafe-member-access no-unsafe-assignment
    export let anything: any; //! no-explicit-any
    const unused = 1; //! no-unused-vars
    export const same = (a: string, b: string) => a == b; //! eqeqeq
    export const host = process.env["HOST"]; //! no-process-env
    console.log("lost"); //! no-console
  `,
  "shared/states.ts": `
    import { notification } from "#protocol/notification.ts";
    import { Health } from "./cycle.ts"; //! consistent-type-imports
    export const states: Health[] = [];
    export function next(state: "up" | "down"): number {
      switch (state) { //! switch-exhaustiveness-check
        case "up": return notification;
      }
      return 0;
    }
  `,
  "shared/cycle.ts": `
    import { back } from "#runtime/cycle-back.ts"; //! no-cycle
    export interface Health { up: boolean }
    export const there = (): unknown => back;
  `,
  "shared/runtime/cycle-back.ts": `
    import { there } from "#cycle.ts"; //! no-cycle
    export const back = (): unknown => there;
  `,
  "shared/type-cycle.ts": `
    import type { Back } from "#runtime/type-cycle-back.ts"; //! no-cycle
    export interface There { back: Back }
  `,
  "shared/runtime/type-cycle-back.ts": `
    import type { There } from "#type-cycle.ts"; //! no-cycle
    export interface Back { there: There }
  `,
  "services/receiver/five-parameters.ts": `
    export const sum = (a: number, b: number, c: number, d: number, e: number): number => a + b + c + d + e; //! max-params
  `,
  "shared/long.ts": `${"//\n".repeat(300)}export const last = 301; //! max-lines`,
};
