interface Found<R> {
  method: string;
  form: RegExp;
  route: R;
}

/** Finds the route for a method and a path. A path may have names in it, as `/v1/tenants/:tenant`. */
export class Router<R> {
  /** Every route, for example "GET /v1/poll". */
  readonly names: string[] = [];
  readonly #plain = new Map<string, Map<string, R>>();
  readonly #named: Found<R>[] = [];

  add(method: string, path: string, route: R): void {
    this.names.push(`${method} ${path}`);
    if (path.includes(":")) {
      this.#named.push({ method, form: new RegExp(`^${path.replaceAll(/:[^/]+/g, "[^/]+")}$`), route });
      return;
    }
    const methods = this.#plain.get(path) ?? new Map<string, R>();
    this.#plain.set(path, methods.set(method, route));
  }

  find(method: string, path: string): R | undefined {
    return (
      this.#plain.get(path)?.get(method) ??
      this.#named.find((one) => one.method === method && one.form.test(path))?.route
    );
  }

  methodsOf(path: string): string[] {
    const named = this.#named.flatMap(({ method, form }) => (form.test(path) ? [method] : []));
    return [...(this.#plain.get(path)?.keys() ?? []), ...named];
  }
}

export const EVERY_METHOD = ["GET", "HEAD", "POST", "PUT", "DELETE"];

/** Every path with GET also serves HEAD. */
export function withHead(methods: readonly string[]): string[] {
  return methods.flatMap((method) => (method === "GET" ? ["GET", "HEAD"] : [method]));
}
