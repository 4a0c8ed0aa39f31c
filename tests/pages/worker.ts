import { harness, type Start } from "./harness.ts";

/** A dedicated, shared or service worker: starts subscribers on command, and reports what they saw. */
interface Port {
  postMessage(message: unknown): void;
}

function hear({ data }: MessageEvent<Start | "seen">, port: Port): void {
  if (data === "seen") port.postMessage(harness.seen("worker"));
  else harness.start(data);
}

const scope = globalThis as unknown as Port & {
  onconnect?: (event: MessageEvent) => void;
  addEventListener(name: "message", listener: (event: MessageEvent<Start | "seen">) => void): void;
};
scope.onconnect = ({ ports: [port] }) => {
  port!.addEventListener("message", (event: MessageEvent<Start | "seen">) => hear(event, port!));
  port!.start();
};
scope.addEventListener("message", (event) => hear(event, (event.source as unknown as Port | null) ?? scope));
