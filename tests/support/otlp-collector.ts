import { createServer, type IncomingHttpHeaders } from "node:http";
import type { AddressInfo } from "node:net";
import { join } from "node:path";
import { gunzipSync } from "node:zlib";
import protobuf from "protobufjs";

/**
 * A receiver of OTLP over HTTP. It reads protobuf by OpenTelemetry's published schema, in ./otlp, from
 * github.com/open-telemetry/opentelemetry-proto (Apache-2.0). An unknown field or a wrong type fails the request.
 */
const REQUEST = "opentelemetry.proto.collector.trace.v1.ExportTraceServiceRequest";

export interface CollectedSpan {
  service: string;
  name: string;
  kind: string;
  traceId: string;
  spanId: string;
  /** "" for a root. */
  parentSpanId: string;
  links: { traceId: string; spanId: string }[];
  attributes: Record<string, unknown>;
  /** ns since 1970. */
  start: bigint;
  end: bigint;
}

export interface Resource {
  [attribute: string]: unknown;
}

export interface OtlpCollector {
  url: string;
  spans: CollectedSpan[];
  resources: Resource[];
  headers: IncomingHttpHeaders[];
  /** What it could not read. A test expects none. */
  problems: unknown[];
  ofTrace(traceId: string): CollectedSpan[];
  close(): Promise<void>;
}

interface KeyValue {
  key: string;
  value: Record<string, unknown>;
}

interface Decoded {
  resourceSpans: {
    resource: { attributes: KeyValue[] };
    scopeSpans: {
      spans: {
        traceId: Buffer;
        spanId: Buffer;
        parentSpanId: Buffer;
        name: string;
        kind: string;
        startTimeUnixNano: string;
        endTimeUnixNano: string;
        attributes: KeyValue[];
        links: { traceId: Buffer; spanId: Buffer }[];
      }[];
    }[];
  }[];
}

export async function startOtlpCollector(port = 0): Promise<OtlpCollector> {
  const root = new protobuf.Root();
  const folder = join(import.meta.dirname, "otlp");
  root.resolvePath = (_, target) => join(folder, target);
  await root.load("opentelemetry/proto/collector/trace/v1/trace_service.proto");
  const type = root.lookupType(REQUEST);
  const [spans, resources, headers, problems]: [CollectedSpan[], Resource[], IncomingHttpHeaders[], unknown[]] = [
    [],
    [],
    [],
    [],
  ];
  const server = createServer((request, response) => {
    const chunks: Buffer[] = [];
    request.on("data", (chunk: Buffer) => chunks.push(chunk));
    request.on("end", () => {
      try {
        if (request.method !== "POST" || request.url !== "/v1/traces") throw new Error(`${request.url} is no route`);
        if (request.headers["content-type"] !== "application/x-protobuf") throw new Error("it is not protobuf");
        const sent = Buffer.concat(chunks);
        const body = request.headers["content-encoding"] === "gzip" ? gunzipSync(sent) : sent;
        const message = type.decode(body);
        const reader = protobuf.Reader.create(body);
        reader.discardUnknown = false;
        // Written again, it is longer if it has fields that the schema does not have.
        if (type.encode(type.decode(reader)).finish().length !== type.encode(message).finish().length)
          throw new Error("it has fields of another schema");
        headers.push(request.headers);
        const options = { longs: String, enums: String, defaults: true, arrays: true };
        for (const one of (type.toObject(message, options) as Decoded).resourceSpans) {
          const resource = plain(one.resource.attributes);
          resources.push(resource);
          for (const { spans: some } of one.scopeSpans)
            for (const span of some)
              spans.push({
                service: String(resource["service.name"]),
                name: span.name,
                kind: span.kind.replace("SPAN_KIND_", "").toLowerCase(),
                ...idsOf(span),
                parentSpanId: hex(span.parentSpanId),
                links: span.links.map(idsOf),
                attributes: plain(span.attributes),
                start: BigInt(span.startTimeUnixNano),
                end: BigInt(span.endTimeUnixNano),
              });
        }
        response.writeHead(200, { "content-type": "application/x-protobuf" }).end();
      } catch (error) {
        problems.push(error);
        response.writeHead(400).end();
      }
    });
  });
  await new Promise<void>((resolve) => server.listen(port, "127.0.0.1", resolve));
  const close = (): Promise<void> =>
    new Promise((resolve) => {
      server.close(() => resolve());
      server.closeAllConnections();
    });
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const ofTrace = (traceId: string): CollectedSpan[] => spans.filter((span) => span.traceId === traceId);
  return { url, spans, resources, headers, problems, ofTrace, close };
}

const hex = (bytes: Uint8Array | string): string => Buffer.from(bytes as Uint8Array).toString("hex");
const idsOf = ({ traceId, spanId }: { traceId: Buffer; spanId: Buffer }) => ({
  traceId: hex(traceId),
  spanId: hex(spanId),
});

/** Without the default of each other kind of value, which `toObject` adds. */
function plain(attributes: KeyValue[]): Record<string, unknown> {
  return Object.fromEntries(
    attributes.map(({ key, value }) => {
      const kind = Object.keys(value).find((name) => name.endsWith("Value"));
      const one = value[kind!];
      return [key, kind === "intValue" ? Number(one) : one];
    }),
  );
}
