/** A value as indented JSON, as text. */
export function Json({ value }: { value: unknown }) {
  return (
    <pre className="code" tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}

/** JSON text, unchanged: numbers that JavaScript would round stay exact. */
export function JsonText({ text }: { text: string }) {
  return (
    <pre className="code" tabIndex={0}>
      {text}
    </pre>
  );
}
