/** No event is longer. */
const MOST_CHARACTERS = 8 << 20;

export interface StreamEvent {
  /** `message` if the stream names none. */
  type: string;
  data: string;
  /** The last id named by this event or an earlier one. */
  id: string;
}

/** An event stream, across chunks (WHATWG HTML, 9.2.6). `retry` is ignored: the protocol sets the delays (R44). */
export class EventReader {
  // It removes a byte order mark.
  readonly #decoder = new TextDecoder();
  #text = "";
  #afterReturn = false;
  #type = "";
  #data: string[] = [];
  #characters = 0;
  #id = "";

  read(chunk: Uint8Array): StreamEvent[] {
    let text = this.#decoder.decode(chunk, { stream: true });
    // A line feed that belongs to a return at the end of the chunk before.
    if (this.#afterReturn && text !== "") {
      if (text.startsWith("\n")) text = text.slice(1);
      this.#afterReturn = false;
    }
    this.#text += text;
    const lines = this.#text.split(LINE_END);
    this.#afterReturn = text.endsWith("\r");
    this.#text = lines.pop() ?? "";
    const events = lines.flatMap((line) => this.#line(line) ?? []);
    if (this.#text.length + this.#characters > MOST_CHARACTERS) throw new Error("an event is too long");
    return events;
  }

  #line(line: string): StreamEvent | undefined {
    if (line === "") return this.#dispatch();
    const [, field, value = ""] = FIELD.exec(line)!;
    if (field === "event") this.#type = value;
    else if (field === "id" && !value.includes("\0")) this.#id = value;
    else if (field === "data") {
      this.#data.push(value);
      this.#characters += value.length + 1;
    }
    return undefined;
  }

  #dispatch(): StreamEvent | undefined {
    const [type, data] = [this.#type, this.#data];
    this.#type = "";
    this.#data = [];
    this.#characters = 0;
    return data.length === 0 ? undefined : { type: type || "message", data: data.join("\n"), id: this.#id };
  }
}

/** Name and value: one space after the colon is no part of the value. */
const FIELD = /([^:]*)(?:: ?(.*))?/s;
const LINE_END = /\r\n|\r|\n/;
