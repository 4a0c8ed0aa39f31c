/**
 * Every failure is one of three. `retry`: infrastructure, passes without help; pause and try again. `reject`: this
 * input can never succeed; send it to the dead letters with its reason, and continue. `fatal`: this process must not
 * continue.
 */
export type FailureKind = "retry" | "reject" | "fatal";

export class Failure extends Error {
  override readonly name = "Failure";
  readonly kind: FailureKind;
  /** Seconds until a retry can succeed, if known. */
  readonly retryAfter: number | undefined;

  constructor(kind: FailureKind, message: string, options?: ErrorOptions & { retryAfter?: number }) {
    super(message, options);
    this.kind = kind;
    this.retryAfter = options?.retryAfter;
  }
}

/** SQLSTATE classes about the data and not the server: data exception, integrity constraint violation. */
const REJECTED_BY_POSTGRES = new Set(["22", "23"]);

/**
 * Total over the errors of Kafka, Postgres, Redis and our own code. An unknown error is retried: the data may be good.
 */
export function classify(error: unknown): FailureKind {
  if (error instanceof Failure) return error.kind;
  if (error instanceof RangeError || error instanceof TypeError || error instanceof SyntaxError) return "fatal";
  const code = error instanceof Error && "code" in error ? error.code : undefined;
  if (typeof code === "string" && /^[0-9A-Z]{5}$/.test(code) && REJECTED_BY_POSTGRES.has(code.slice(0, 2)))
    return "reject";
  return "retry";
}

export function messageOf(error: unknown): string {
  return error instanceof Error ? error.message : String(error);
}
