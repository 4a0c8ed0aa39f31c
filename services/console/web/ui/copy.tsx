import { useState } from "react";
import { Button } from "./button.tsx";

/** Copies a text, and says so. */
export function Copy({ text, label = "Copy" }: { text: string; label?: string }) {
  const [said, setSaid] = useState(label);
  const copy = async (): Promise<void> => {
    await navigator.clipboard.writeText(text).then(
      () => setSaid("Copied"),
      () => setSaid("Select and copy it"),
    );
  };
  return (
    <Button onClick={() => void copy()} aria-live="polite">
      {said}
    </Button>
  );
}
