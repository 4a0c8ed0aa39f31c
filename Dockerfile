# One image for every service; which one runs is its argument: docker run saasaparilla/notifications receiver.
# The operators' commands are in it, too: docker run saasaparilla/notifications cli --help
# It stands at the root since what it is made of is all over the repository, and `docker build .` is what everybody tries.
ARG NODE_IMAGE=node:22.23.3-bookworm-slim

FROM ${NODE_IMAGE} AS packages
WORKDIR /saasaparilla
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY shared/package.json shared/
COPY services/console/package.json services/console/
COPY services/courier/package.json services/courier/
COPY services/director/package.json services/director/
COPY services/dispatcher/package.json services/dispatcher/
COPY services/distributor/package.json services/distributor/
COPY services/provision/package.json services/provision/
COPY services/receiver/package.json services/receiver/
COPY services/recorder/package.json services/recorder/
# A registry of one's own, and the authorities behind a proxy that opens TLS, come as secrets: neither stays in a layer.
# A certificate list that is empty is one that was not given.
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=authorities \
    --mount=type=cache,target=/root/.local/share/pnpm/store \
    if [ -s /run/secrets/authorities ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/authorities; fi; \
    npx -y "$(node -p 'require("./package.json").packageManager')" install --prod --no-optional --frozen-lockfile \
      --filter saasaparilla-notifications --filter ./shared --filter './services/*' \
 # Node runs no TypeScript below node_modules, and of the socket library's 25 native files one is for this platform and this Node.
 && find node_modules/.pnpm -type f \
      \( -name '*.ts' -o -name '*.mts' -o -name '*.cts' -o -name '*.map' -o -name '*.node' \) \
      ! -path "$(node -p 'process.arch === "x64" ? "*/@uwsjs/linux-x64-22/uws.node" : "*/uws-pack/dist/bin/uws_linux_" + process.arch + "_" + process.versions.modules + ".node"')" -delete \
 && find node_modules/.pnpm -type d -empty -delete

# The pages of the console. Only what is built goes into the image.
FROM ${NODE_IMAGE} AS pages
WORKDIR /saasaparilla
COPY package.json pnpm-lock.yaml pnpm-workspace.yaml ./
COPY services/console/web/package.json services/console/web/
RUN --mount=type=secret,id=npmrc,target=/root/.npmrc --mount=type=secret,id=authorities \
    --mount=type=cache,target=/root/.local/share/pnpm/store \
    if [ -s /run/secrets/authorities ]; then export NODE_EXTRA_CA_CERTS=/run/secrets/authorities; fi; \
    npx -y "$(node -p 'require("./package.json").packageManager')" install --frozen-lockfile --filter ./services/console/web
COPY services/console/web services/console/web
RUN node services/console/web/build.ts

# Node, the libraries that it and the server's binary load, and who runs it: nothing else, and no shell.
FROM packages AS system
RUN mkdir -p /system/etc /system/var/lib/dpkg/status.d \
 && ldd "$(command -v node)" $(find /saasaparilla/node_modules/.pnpm -name '*.node') \
      | grep -o '/[^ ():]*\.so[^ ():]*' | sort -u | xargs cp -L --parents --target-directory /system "$(command -v node)" \
 && cp -L /etc/os-release /system/etc/ \
 # What a scanner for known vulnerabilities reads.
 && for package in libc6 libgcc-s1 libstdc++6; do \
      dpkg-query --status "$package" >"/system/var/lib/dpkg/status.d/$package"; \
      cp --parents "/usr/share/doc/$package/copyright" /system 2>/dev/null || true; \
    done \
 # The operators' commands: docker exec CONTAINER notifications --help
 && ln -s /saasaparilla/cli/main.ts /system/usr/local/bin/notifications \
 && echo 'saasaparilla:x:10001:10001::/nonexistent:/nonexistent' >/system/etc/passwd \
 && echo 'saasaparilla:x:10001:' >/system/etc/group \
 && echo 'hosts: files dns' >/system/etc/nsswitch.conf

FROM scratch
COPY --from=system /system /
COPY --from=packages /saasaparilla /saasaparilla
COPY cli /saasaparilla/cli
COPY client /saasaparilla/client
COPY image /saasaparilla/image
COPY shared /saasaparilla/shared
COPY services /saasaparilla/services
COPY --from=pages /saasaparilla/services/console/web/dist /saasaparilla/services/console/web/dist
ENV NODE_ENV=production PATH=/usr/local/bin
WORKDIR /saasaparilla
USER 10001:10001
EXPOSE 8080 8081 8082 8083 8084 8085 8086
# Docker asks by it; Kubernetes has probes of its own.
HEALTHCHECK --interval=5s --timeout=10s --start-period=300s --retries=3 CMD ["node", "/saasaparilla/image/ready.ts"]
# The flags are those of shared/runtime/node-flags.ts.
ENTRYPOINT ["node", "--max-semi-space-size=64", "--initial-old-space-size=128", "/saasaparilla/image/run.ts"]
ARG VERSION=0.0.0
ARG REVISION=unknown
ARG CREATED=1970-01-01T00:00:00Z
ARG SOURCE=unknown
LABEL org.opencontainers.image.title="SaaSaparilla Notifications" \
      org.opencontainers.image.description="Notifications to one person, now or whenever that person is next online" \
      org.opencontainers.image.version="${VERSION}" \
      org.opencontainers.image.revision="${REVISION}" \
      org.opencontainers.image.created="${CREATED}" \
      org.opencontainers.image.source="${SOURCE}" \
      org.opencontainers.image.licenses="Apache-2.0"
