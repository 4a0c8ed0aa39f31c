import { existsSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { call } from "./call.ts";

/** The cluster's own authority, and the identities in it. */
export async function makeCertificates(folder: string, address: string): Promise<void> {
  const openssl = (...args: string[]): Promise<string> => call("openssl", args, { cwd: folder });
  await openssl("genrsa", "-out", "accounts.key", "2048");
  const authority = ["-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=cluster"];
  await openssl("req", ...authority, "-keyout", "ca.key", "-out", "ca.crt");
  const certificate = async (name: string, subject: string, names?: string): Promise<void> => {
    await openssl(
      "req",
      "-newkey",
      "rsa:2048",
      "-nodes",
      "-keyout",
      `${name}.key`,
      "-out",
      `${name}.csr`,
      "-subj",
      subject,
    );
    writeFileSync(join(folder, `${name}.ext`), names === undefined ? "" : `subjectAltName=${names}`);
    const signer = ["-CA", "ca.crt", "-CAkey", "ca.key", "-CAcreateserial", "-days", "2", "-extfile", `${name}.ext`];
    await openssl("x509", "-req", "-in", `${name}.csr`, ...signer, "-out", `${name}.crt`);
  };
  const names = ["kubernetes", "kubernetes.default", "kubernetes.default.svc", "localhost"].map(
    (name) => `DNS:${name}`,
  );
  await certificate(
    "apiserver",
    "/CN=apiserver",
    [`IP:${address}`, "IP:127.0.0.1", "IP:10.96.0.1", ...names].join(","),
  );
  await certificate("admin", "/O=system:masters/CN=admin");
  await certificate("aggregator", "/CN=aggregator");
  await certificate("kubelet", "/O=system:nodes/CN=system:node:node");
  if (!existsSync(join(folder, "kubelet.crt"))) throw new Error("openssl created no certificates");
}
