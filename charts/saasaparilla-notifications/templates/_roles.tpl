{{- /* Where all three stores are the chart's own, it makes the users there, too. */ -}}
{{- define "roles" -}}
{{- if and .Values.kafka.bundled.enabled .Values.postgres.bundled.enabled .Values.redis.bundled.enabled }}true{{ end }}
{{- end }}

{{- /* The services with a user in the stores. */ -}}
{{- define "users" -}}
receiver director distributor console courier dispatcher recorder
{{- end }}

{{- /* The Secret with a user for each service; nothing where one owner serves all. */ -}}
{{- define "roles-secret" -}}
{{- if include "roles" . }}{{ include "name" . }}-roles{{ else }}{{ .Values.roles.existingSecret }}{{ end }}
{{- end }}

{{- /* As whom it comes to the stores. Provision is their owner. Takes (list root kind). */ -}}
{{- define "credentials" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- $name := include "name" $root -}}
{{- $secret := include "roles-secret" $root -}}
{{- $owner := or (not $secret) (eq $kind "provision") -}}
{{- if include "roles" $root }}
- { name: KAFKA_SASL, value: plain }
- { name: KAFKA_USERNAME, value: {{ $owner | ternary "admin" (printf "%s_%s" $root.Values.platform.namespace $kind) }} }
- { name: KAFKA_PASSWORD, valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $owner | ternary "admin" $kind }}-password } } }
{{- else if $root.Values.kafka.sasl.mechanism }}
{{- with $root.Values.kafka.sasl }}
- { name: KAFKA_SASL, value: {{ .mechanism }} }
- { name: KAFKA_USERNAME, valueFrom: { secretKeyRef: { name: {{ .existingSecret }}, key: username } } }
- { name: KAFKA_PASSWORD, valueFrom: { secretKeyRef: { name: {{ .existingSecret }}, key: password } } }
{{- end }}
{{- end }}
{{- if not $owner }}
- { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $kind }}-database-url } } }
{{- if ne $kind "recorder" }}
- { name: REDIS_URL, valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ $kind }}-redis-url } } }
{{- end }}
{{- else }}
- { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: {{ $root.Values.postgres.existingSecret | default (printf "%s-postgres" $name) }}, key: DATABASE_URL } } }
- { name: REDIS_URL, valueFrom: { secretKeyRef: { name: {{ $root.Values.redis.existingSecret | default (printf "%s-redis" $name) }}, key: REDIS_URL } } }
{{- if $secret }}
{{- range include "users" $root | splitList " " }}
- { name: {{ upper . }}_PASSWORD, valueFrom: { secretKeyRef: { name: {{ $secret }}, key: {{ . }}-password } } }
{{- end }}
{{- end }}
{{- end }}
{{- end }}
