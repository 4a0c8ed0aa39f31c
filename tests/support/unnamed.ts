/** A problem without its `instance`, which is new in each answer, as JSON. */
export const unnamed = (body: unknown): string =>
  JSON.stringify(body, (name, value: unknown) => (name === "instance" ? undefined : value));
