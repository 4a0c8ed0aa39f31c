import "./styles/tokens.css";
import "./styles/base.css";
import "./styles/shell.css";
import "./styles/controls.css";
import "./styles/content.css";
import "./styles/timeline.css";
import { QueryClientProvider } from "@tanstack/react-query";
import { RouterProvider } from "@tanstack/react-router";
import { StrictMode } from "react";
import { createRoot } from "react-dom/client";
import { queries } from "#api/queries.ts";
import { SessionContext, signIn, tokenOfAddress, useSessionQuery } from "#api/session.ts";
import { SignIn } from "#shell/sign-in.tsx";
import { applyTheme } from "#shell/theme.ts";
import { ProblemView } from "#ui/problem-view.tsx";
import { Skeleton } from "#ui/loaded.tsx";
import { router } from "./routes.tsx";

function App({ failed }: { failed: unknown }) {
  const { data: session, error, refetch } = useSessionQuery();
  if (session) {
    return (
      <SessionContext value={session}>
        <RouterProvider router={router} />
      </SessionContext>
    );
  }
  if (session === null) return <SignIn failed={failed} />;
  return (
    <main className="sign-in">
      <section>{error ? <ProblemView error={error} retry={() => void refetch()} /> : <Skeleton rows={3} />}</section>
    </main>
  );
}

applyTheme();
const token = tokenOfAddress();
let failed: unknown;
if (token !== undefined) await signIn(token).catch((error: unknown) => (failed = error));

createRoot(document.getElementById("root")!).render(
  <StrictMode>
    <QueryClientProvider client={queries}>
      <App failed={failed} />
    </QueryClientProvider>
  </StrictMode>,
);
