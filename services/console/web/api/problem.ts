/** Problem details (RFC 9457) as every service answers them. */
export interface ProblemDetails {
  type: string;
  title: string;
  status: number;
  detail: string;
  fix?: string;
  instance?: string;
  retryAfter?: number;
  errors?: { pointer: string; detail: string; expected: string; fix: string }[];
}

/** A request that was refused or that nobody answered. */
export class Problem extends Error {
  readonly details: ProblemDetails;

  constructor(details: ProblemDetails) {
    super(`${details.title}: ${details.detail}`);
    this.name = "Problem";
    this.details = details;
  }

  get status(): number {
    return this.details.status;
  }
}

/** Status 0: no answer came. */
export const unreachable = (cause: unknown): Problem =>
  new Problem({
    type: "about:blank",
    title: "The console does not answer",
    status: 0,
    detail: `The request had no answer: ${cause instanceof Error ? cause.message : String(cause)}.`,
    fix: "Check the network, and that the console service runs. This page tries again by itself.",
  });

export function detailsOf(error: unknown): ProblemDetails {
  if (error instanceof Problem) return error.details;
  const detail = error instanceof Error ? error.message : String(error);
  return {
    type: "about:blank",
    title: "This page has a defect",
    status: 0,
    detail,
    fix: "Reload the page. If it stays, report the text above.",
  };
}

export async function problemOf(response: Response): Promise<Problem> {
  const type = response.headers.get("content-type") ?? "";
  if (type.includes("json")) {
    const read = (await response.json().catch(() => ({}))) as Partial<ProblemDetails>;
    const { title = response.statusText, detail = "", status = response.status } = read;
    return new Problem({ ...read, type: read.type ?? "about:blank", title, detail, status });
  }
  return new Problem({
    type: "about:blank",
    title: response.statusText || "The request failed",
    status: response.status,
    detail: `The answer has the status ${response.status} and no explanation.`,
    fix: "Something between this page and the console may have answered. Check proxies.",
  });
}
