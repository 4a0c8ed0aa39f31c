{{- /* Where the stores are, and what it takes to be let in. */ -}}
{{- /* Takes (list root kind). */ -}}
{{- define "environment" -}}
{{- $kind := index . 1 -}}
{{- with index . 0 -}}
{{- $root := . -}}
{{- $name := include "name" . -}}
- { name: NAMESPACE, value: {{ .Values.platform.namespace }} }
- { name: LOG_LEVEL, value: {{ .Values.platform.logLevel }} }
{{- with .Values.kafka }}
- { name: KAFKA_BROKERS, value: {{ .bundled.enabled | ternary (printf "%s-kafka.%s.svc:9092" $name $root.Release.Namespace) .brokers | quote }} }
{{- if .tls.enabled }}
- { name: KAFKA_TLS, value: "true" }
{{- if .tls.existingSecret }}
- { name: KAFKA_CA, value: /etc/stores/kafka/ca.crt }
{{- if .tls.clientCertificate }}
- { name: KAFKA_CERT, value: /etc/stores/kafka/tls.crt }
- { name: KAFKA_KEY, value: /etc/stores/kafka/tls.key }
{{- end }}
{{- end }}
{{- end }}
{{- end }}
{{- include "credentials" (list . $kind) }}
{{- if .Values.redis.cluster }}
- { name: REDIS_CLUSTER, value: "true" }
{{- end }}
{{- if .Values.redis.tlsSecret }}
- { name: REDIS_CA, value: /etc/stores/redis/ca.crt }
{{- end }}
{{- end }}
{{- end }}

{{- define "tls-secrets" -}}
kafka: {{ .Values.kafka.tls.existingSecret | quote }}
postgres: {{ .Values.postgres.tlsSecret | quote }}
redis: {{ .Values.redis.tlsSecret | quote }}
{{- end }}

{{- define "store-mounts" -}}
{{- range $store, $secret := include "tls-secrets" . | fromYaml }}
{{- if $secret }}
- { name: {{ $store }}, mountPath: /etc/stores/{{ $store }}, readOnly: true }
{{- end }}
{{- end }}
{{- end }}

{{- /* No more than is read: an authority's own Secret may have its key beside its certificate. Which of them Postgres needs is said in its URL. */ -}}
{{- define "store-volumes" -}}
{{- $authority := list (dict "key" "ca.crt" "path" "ca.crt") -}}
{{- $pair := concat $authority (list (dict "key" "tls.crt" "path" "tls.crt") (dict "key" "tls.key" "path" "tls.key")) -}}
{{- with .Values.kafka.tls.existingSecret }}
- { name: kafka, secret: { secretName: {{ . }}, items: {{ ternary $pair $authority $.Values.kafka.tls.clientCertificate | toJson }} } }
{{- end }}
{{- with .Values.postgres.tlsSecret }}
- { name: postgres, secret: { secretName: {{ . }}, optional: true, items: {{ $pair | toJson }} } }
{{- end }}
{{- with .Values.redis.tlsSecret }}
- { name: redis, secret: { secretName: {{ . }}, items: {{ $authority | toJson }} } }
{{- end }}
{{- end }}

{{- define "identity-environment" -}}
{{- with .Values.identity -}}
- { name: AUTH_JWKS, value: {{ .jwksUrl | default "/etc/identity/jwks.json" | quote }} }
- { name: AUTH_ISSUER, value: {{ .issuer | default (printf "http://%s" (include "name" $)) | quote }} }
- { name: AUTH_AUDIENCE, value: {{ .audience | quote }} }
{{- with .privateNetworks }}
- { name: AUTH_PRIVATE_NETWORKS, value: {{ join "," . | quote }} }
{{- end }}
{{- end }}
{{- end }}

{{- define "traces-environment" -}}
{{- with .Values.traces -}}
{{- if .endpoint -}}
- { name: OTEL_EXPORTER_OTLP_ENDPOINT, value: {{ .endpoint | quote }} }
- { name: OTEL_TRACES_SAMPLER, value: {{ .sampler }} }
- { name: OTEL_TRACES_SAMPLER_ARG, value: {{ .samplerArg | quote }} }
{{- with .existingSecret }}
- { name: OTEL_EXPORTER_OTLP_HEADERS, valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: headers } } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "identity-mount" -}}
{{- if not .Values.identity.jwksUrl -}}
- { name: identity, mountPath: /etc/identity, readOnly: true }
{{- end }}
{{- end }}

{{- /* Only what verifies: whoever breaks into a service signs nothing. */ -}}
{{- define "identity-volume" -}}
{{- if not .Values.identity.jwksUrl -}}
- name: identity
  secret:
    secretName: {{ .Values.identity.existingSecret | default (printf "%s-identity" (include "name" .)) }}
    items: [{ key: jwks.json, path: jwks.json }]
{{- end }}
{{- end }}
