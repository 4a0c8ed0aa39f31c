/** A value as indented JSON, as text. */
export function Json({ value }: { value: unknown }) {
  return (
    <pre className="code" tabIndex={0}>
      {JSON.stringify(value, null, 2)}
    </pre>
  );
}
