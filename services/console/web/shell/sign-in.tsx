import { useState } from "react";
import { signIn } from "#api/session.ts";
import { Button } from "#ui/button.tsx";
import { TextField } from "#ui/field.tsx";
import { ProblemView } from "#ui/problem-view.tsx";

/** For people without a session. `failed`: why a sign-in link did not work. */
export function SignIn({ failed }: { failed: unknown }) {
  const [token, setToken] = useState("");
  const [busy, setBusy] = useState(false);
  const [error, setError] = useState(failed);
  const submit = async (): Promise<void> => {
    setBusy(true);
    setError(undefined);
    await signIn(token.trim()).catch(setError);
    setBusy(false);
  };
  return (
    <main className="sign-in">
      <section>
        <span className="brand">
          <img src="/icon.svg" alt="" />
          SaaSaparilla Notifications
        </span>
        <h1>Sign in to the console</h1>
        {error !== undefined && <ProblemView error={error} />}
        <a className="button" data-tone="primary" href="/v1/sign-in">
          Sign in with your organisation
        </a>
        <p className="muted">
          On your own machine, open the link that <code>npx just console</code> prints. It works once.
        </p>
        <form
          className="form"
          onSubmit={(event) => {
            event.preventDefault();
            void submit();
          }}
        >
          <TextField
            label="Or paste a one-use token"
            hint="It is valid for at most 10 minutes. This page keeps it nowhere."
            value={token}
            onText={setToken}
            type="password"
            required
          />
          <div>
            <Button type="submit" busy={busy} disabled={token.trim() === ""}>
              Sign in
            </Button>
          </div>
        </form>
      </section>
    </main>
  );
}
