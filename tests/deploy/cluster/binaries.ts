import { existsSync, mkdirSync, readFileSync, renameSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { note } from "#local/process/progress.ts";
import { cache } from "#tests/chart/tools.ts";
import { call } from "./call.ts";

/**
 * Kubernetes itself, compiled from its modules, because no reachable registry has its binaries. That takes ten minutes
 * on two cores, once: the result is kept by version, outside the clone.
 */
const VERSION = "v1.34.4";
const COREDNS = "v1.15.0";
const COMMANDS = ["kube-apiserver", "kube-controller-manager", "kube-scheduler", "kubelet", "kube-proxy"] as const;
/** The program that holds a pod's namespaces. It only waits for its end. */
const PAUSE = `package main

import (
	"os"
	"os/signal"
	"syscall"
)

func main() {
	end := make(chan os.Signal, 1)
	signal.Notify(end, syscall.SIGTERM, syscall.SIGINT)
	<-end
}
`;
/** Only the plugins for names of Services, because all plugins together are as large as Kubernetes. */
const NAMES = `package main

import (
	"github.com/coredns/coredns/core/dnsserver"
	"github.com/coredns/coredns/coremain"
	_ "github.com/coredns/coredns/plugin/bind"
	_ "github.com/coredns/coredns/plugin/cache"
	_ "github.com/coredns/coredns/plugin/errors"
	_ "github.com/coredns/coredns/plugin/kubernetes"
)

func init() {
	dnsserver.Directives = []string{"bind", "errors", "cache", "kubernetes"}
}

func main() { coremain.Run() }
`;

const FLAGS = { CGO_ENABLED: "0", GOFLAGS: "-trimpath -buildvcs=false -mod=mod" };

export type Binaries = Record<(typeof COMMANDS)[number] | "coredns" | "pause", string>;

/**
 * The API server alone, for a few questions. It is not optimised, which halves the compile time. A build for a full
 * cluster also works.
 */
export async function apiServer(): Promise<string> {
  const folder = join(cache, `kubernetes-${VERSION}`);
  const [whole, quick] = [join(folder, "kube-apiserver"), join(folder, "kube-apiserver-quick")];
  if (existsSync(whole)) return whole;
  if (!existsSync(quick)) {
    note(`compiling the API server of Kubernetes ${VERSION}, once: three minutes`);
    const module = await kubernetesModule(join(folder, "module-quick"));
    await build(module, "k8s.io/kubernetes/cmd/kube-apiserver", quick, { link: versionFlags(), compile: "all=-N -l" });
  }
  return quick;
}

/** Every program that a cluster of one node runs. */
export async function binaries(): Promise<Binaries> {
  const folder = join(cache, `kubernetes-${VERSION}`);
  mkdirSync(folder, { recursive: true });
  const paths = Object.fromEntries(
    [...COMMANDS, "coredns", "pause"].map((name) => [name, join(folder, name)]),
  ) as Binaries;
  const missing = COMMANDS.filter((name) => !existsSync(paths[name]));
  if (missing.length > 0) {
    note(`compiling of Kubernetes ${VERSION}, once: ${missing.join(", ")}: up to ten minutes`);
    const module = await kubernetesModule(join(folder, "module"));
    for (const name of missing)
      await build(module, `k8s.io/kubernetes/cmd/${name}`, paths[name], { link: versionFlags() });
  }
  if (!existsSync(paths.coredns)) {
    note(`compiling CoreDNS ${COREDNS}, once: about two minutes`);
    await single(join(folder, "names"), NAMES, paths.coredns, `github.com/coredns/coredns@${COREDNS}`);
  }
  if (!existsSync(paths.pause)) await single(join(folder, "pausing"), PAUSE, paths.pause);
  return paths;
}

const versionFlags = (): string => {
  const [major, minor] = VERSION.slice(1).split(".");
  const at = "k8s.io/component-base/version";
  return `-X ${at}.gitVersion=${VERSION} -X ${at}.gitMajor=${major} -X ${at}.gitMinor=${minor}`;
};

/** `go install` refuses a module that replaces others: this names each of its parts by the matching release. */
async function kubernetesModule(folder: string): Promise<string> {
  mkdirSync(folder, { recursive: true });
  if (existsSync(join(folder, "whole"))) return folder;
  const env = { ...process.env, ...FLAGS };
  const go = (...args: string[]): Promise<string> => call("go", args, { cwd: folder, env });
  if (!existsSync(join(folder, "go.mod"))) await go("mod", "init", "local/kubernetes");
  const { GoMod } = JSON.parse(await go("mod", "download", "-json", `k8s.io/kubernetes@${VERSION}`)) as {
    GoMod: string;
  };
  const staged = [...readFileSync(GoMod, "utf8").matchAll(/(k8s\.io\/\S+) => \.\/staging\//g)].map(([, name]) => name!);
  const replaced = [...new Set(staged)].map((name) => `-replace=${name}=${name}@v0.${VERSION.slice("v1.".length)}`);
  await go("mod", "edit", `-require=k8s.io/kubernetes@${VERSION}`, ...replaced);
  writeFileSync(join(folder, "whole"), "");
  return folder;
}

async function single(folder: string, main: string, path: string, needs?: string): Promise<void> {
  mkdirSync(folder, { recursive: true });
  const go = (...args: string[]): Promise<string> =>
    call("go", args, { cwd: folder, env: { ...process.env, ...FLAGS } });
  writeFileSync(join(folder, "main.go"), main);
  if (!existsSync(join(folder, "go.mod"))) await go("mod", "init", "local/tool");
  if (needs) await go("get", needs);
  await go("mod", "tidy");
  await build(folder, ".", path);
}

/** The file gets its name once it is complete. */
async function build(
  folder: string,
  what: string,
  path: string,
  { link = "", compile = "" }: { link?: string; compile?: string } = {},
): Promise<void> {
  const args = ["build", `-ldflags=-s -w ${link}`, `-gcflags=${compile}`, "-o", `${path}.partial`, what];
  await call("go", args, { cwd: folder, env: { ...process.env, ...FLAGS } });
  renameSync(`${path}.partial`, path);
}
