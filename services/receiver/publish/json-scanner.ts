/**
 * Finds the position of a member's value in JSON text, so that `data` is forwarded as written. After parsing and
 * serializing, 12345678901234567890 and 1.0 would become different numbers. The text must be valid JSON: JSON.parse has
 * accepted it.
 */
const QUOTE = 0x22;
const BACKSLASH = 0x5c;
const LETTER_U = 0x75;
const COMMA = 0x2c;
const OPEN_BRACKET = 0x5b;
const CLOSE_BRACKET = 0x5d;
const OPEN_BRACE = 0x7b;
const CLOSE_BRACE = 0x7d;
const LINE_FEED = 0x0a;
const CARRIAGE_RETURN = 0x0d;

export interface Span {
  start: number;
  end: number;
  /** The nesting depth of arrays and objects; 0 for a scalar. */
  depth: number;
  /** Whether it is on one line. */
  line: boolean;
}

/** Scans one text. Each call continues at the end of the last one. */
export class JsonScanner {
  readonly text: Buffer;
  #at: number;
  /** Of the last skipped value. */
  #deepest = 0;
  #line = true;

  constructor(text: Buffer, at = 0) {
    this.text = text;
    this.#at = at;
  }

  /** The position in the text. */
  get at(): number {
    return this.#at;
  }

  /** Whether an array begins here. Then its elements follow. */
  enterArray(): boolean {
    this.#skipSpace();
    if (this.text[this.#at] !== OPEN_BRACKET) return false;
    this.#at += 1;
    return true;
  }

  /**
   * Skips an element and the comma after it. If the element is an object, returns the value of its last member called
   * `name`.
   */
  member(name: string): Span | undefined {
    this.#skipSpace();
    const found = this.text[this.#at] === OPEN_BRACE ? this.#memberOfObject(name) : undefined;
    if (!found) this.#skipValue();
    this.#skipSpace();
    if (this.text[this.#at] === COMMA) this.#at += 1;
    return found?.span;
  }

  #memberOfObject(name: string): { span: Span | undefined } {
    const text = this.text;
    let span: Span | undefined;
    this.#at += 1;
    this.#skipSpace();
    while (text[this.#at] !== CLOSE_BRACE) {
      const key = this.#at;
      this.#skipString();
      const wanted = this.#isKey(name, key, this.#at);
      this.#skipSpace();
      this.#at += 1; // the colon
      this.#skipSpace();
      const start = this.#at;
      this.#skipValue();
      // The last of several members wins, as in JSON.parse.
      if (wanted) span = { start, end: this.#at, depth: this.#deepest, line: this.#line };
      this.#skipSpace();
      if (text[this.#at] === COMMA) this.#at += 1;
      this.#skipSpace();
    }
    this.#at += 1;
    return { span };
  }

  /** `name` has only letters, and the only escape of a letter is its code. */
  #isKey(name: string, start: number, end: number): boolean {
    const text = this.text;
    let at = start + 1;
    for (let i = 0; i < name.length; i += 1) {
      let code = text[at]!;
      if (code === BACKSLASH) {
        if (text[at + 1] !== LETTER_U) return false;
        code = Number.parseInt(text.toString("latin1", at + 2, at + 6), 16);
        at += 6;
      } else at += 1;
      if (code !== name.charCodeAt(i)) return false;
    }
    return at === end - 1;
  }

  #skipSpace(): void {
    while (isSpace(this.text[this.#at]!)) this.#at += 1;
  }

  #skipString(): void {
    const text = this.text;
    let at = this.#at + 1;
    while (text[at] !== QUOTE) at += text[at] === BACKSLASH ? 2 : 1;
    this.#at = at + 1;
  }

  /** Without recursion: a text may be as deep as it is long. */
  #skipValue(): void {
    const text = this.text;
    let depth = 0;
    this.#deepest = 0;
    this.#line = true;
    do {
      const byte = text[this.#at]!;
      if (byte === QUOTE) {
        this.#skipString();
        continue;
      }
      if (byte === OPEN_BRACE || byte === OPEN_BRACKET) {
        depth += 1;
        if (depth > this.#deepest) this.#deepest = depth;
      } else if (byte === CLOSE_BRACE || byte === CLOSE_BRACKET) depth -= 1;
      else if (depth === 0) {
        this.#skipScalar();
        return;
      } else if (byte === LINE_FEED || byte === CARRIAGE_RETURN) this.#line = false;
      this.#at += 1;
    } while (depth > 0);
  }

  #skipScalar(): void {
    const text = this.text;
    while (this.#at < text.length) {
      const byte = text[this.#at]!;
      if (byte === COMMA || byte === CLOSE_BRACE || byte === CLOSE_BRACKET || isSpace(byte)) return;
      this.#at += 1;
    }
  }
}

function isSpace(byte: number): boolean {
  return byte === 0x20 || byte === LINE_FEED || byte === CARRIAGE_RETURN || byte === 0x09;
}

/** JSON on one line. In valid JSON line breaks occur only between tokens, so all such whitespace is removed. */
export function oneLine(json: Buffer): Buffer {
  const line = Buffer.allocUnsafe(json.length);
  let length = 0;
  let inString = false;
  for (let at = 0; at < json.length; at += 1) {
    const byte = json[at]!;
    if (!inString && isSpace(byte)) continue;
    line[length++] = byte;
    if (byte === QUOTE) inString = !inString;
    else if (byte === BACKSLASH) line[length++] = json[++at]!;
  }
  return line.subarray(0, length);
}
