/** What of a request of the library is looked at here. */
interface Head {
  getHeader(name: string): string;
  forEach(each: (name: string, value: string) => void): void;
}

/** A header may stand there more than once: a proxy may add a line of its own behind those that a stranger wrote. */
export function linesOfHeader(head: Head, header: string): string[] {
  const lines: string[] = [];
  head.forEach((name, value) => name === header && lines.push(value));
  return lines;
}

/**
 * Whether it is uncertain where the body ends. The library takes the first of two lengths, and any coding for chunked: what a proxy before us reads
 * otherwise it takes for another request, of somebody else (RFC 9112, 6.3).
 */
export function isAmbiguous(head: Head): boolean {
  if (head.getHeader("content-length") === "" && head.getHeader("transfer-encoding") === "") return false;
  const codings = linesOfHeader(head, "transfer-encoding");
  return (
    new Set(linesOfHeader(head, "content-length")).size > 1 ||
    codings.length > 1 ||
    codings.some((coding) => coding.toLowerCase() !== "chunked")
  );
}
