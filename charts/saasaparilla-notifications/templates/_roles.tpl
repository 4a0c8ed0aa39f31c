{{- /* Each service has users of its own in the chart's stores: where all three are its own, and nobody else has made users there. */ -}}
{{- define "roles" -}}
{{- if and .Values.kafka.bundled.enabled .Values.postgres.bundled.enabled .Values.redis.bundled.enabled }}true{{ end }}
{{- end }}

{{- /* Its address of Postgres, Redis and its name in Kafka; those who make the roles are the stores' owners. Takes (list root kind). */ -}}
{{- define "credentials" -}}
{{- $root := index . 0 -}}
{{- $kind := index . 1 -}}
{{- $name := include "name" $root -}}
{{- if and (include "roles" $root) (ne $kind "provision") -}}
- { name: KAFKA_SASL, value: plain }
- { name: KAFKA_USERNAME, value: {{ $root.Values.platform.namespace }}_{{ $kind }} }
- { name: KAFKA_PASSWORD, valueFrom: { secretKeyRef: { name: {{ $name }}-roles, key: {{ $kind }}-password } } }
- { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: {{ $name }}-roles, key: {{ $kind }}-database-url } } }
{{- if ne $kind "console" }}
- { name: REDIS_URL, valueFrom: { secretKeyRef: { name: {{ $name }}-roles, key: {{ $kind }}-redis-url } } }
{{- end }}
{{- else }}
{{- if include "roles" $root -}}
- { name: KAFKA_SASL, value: plain }
- { name: KAFKA_USERNAME, value: admin }
- { name: KAFKA_PASSWORD, valueFrom: { secretKeyRef: { name: {{ $name }}-roles, key: admin-password } } }
{{- range list "receiver" "director" "distributor" "console" }}
- { name: {{ upper . }}_PASSWORD, valueFrom: { secretKeyRef: { name: {{ $name }}-roles, key: {{ . }}-password } } }
{{- end }}
{{ else if $root.Values.kafka.sasl.mechanism -}}
{{- with $root.Values.kafka.sasl -}}
- { name: KAFKA_SASL, value: {{ .mechanism }} }
- { name: KAFKA_USERNAME, valueFrom: { secretKeyRef: { name: {{ .existingSecret }}, key: username } } }
- { name: KAFKA_PASSWORD, valueFrom: { secretKeyRef: { name: {{ .existingSecret }}, key: password } } }
{{ end }}
{{- end -}}
- { name: DATABASE_URL, valueFrom: { secretKeyRef: { name: {{ $root.Values.postgres.existingSecret | default (printf "%s-postgres" $name) }}, key: DATABASE_URL } } }
- { name: REDIS_URL, valueFrom: { secretKeyRef: { name: {{ $root.Values.redis.existingSecret | default (printf "%s-redis" $name) }}, key: REDIS_URL } } }
{{- end }}
{{- end }}
