{{- /* The services to which the console relays requests of its users, with their ports. */ -}}
{{- define "console-relays" -}}
receiver: 8080
distributor: 8081
director: 8082
courier: 8084
dispatcher: 8085
{{- end }}

{{- /* Those whose metrics and health it reads. */ -}}
{{- define "console-reads" -}}
{{ include "console-relays" . }}
recorder: 8086
console: 8083
{{- end }}

{{- define "console-environment" -}}
{{- $root := . -}}
{{- $name := include "name" . -}}
{{- range $kind, $port := include "console-relays" . | fromYaml -}}
- { name: {{ upper $kind }}_URL, value: {{ printf "http://%s-%s.%s.svc:%v" $name $kind $root.Release.Namespace $port | quote }} }
{{ end -}}
{{- $reads := list -}}
{{- range $kind, $port := include "console-reads" . | fromYaml }}
{{- $reads = append $reads (printf "http://%s-%s-pods.%s.svc:%v" $name $kind $root.Release.Namespace $port) }}
{{- end -}}
- { name: METRICS_URLS, value: {{ join "," $reads | quote }} }
{{- with .Values.console }}
{{- with .prometheusUrl }}
- { name: PROMETHEUS_URL, value: {{ . | quote }} }
{{- end }}
{{- with .host }}
- { name: CONSOLE_URL, value: {{ printf "https://%s" . | quote }} }
{{- end }}
{{- with .openId }}
{{- if .issuer }}
- { name: CONSOLE_OIDC_ISSUER, value: {{ .issuer | quote }} }
- { name: CONSOLE_OIDC_CLIENT_ID, value: {{ .clientId | quote }} }
- { name: CONSOLE_OIDC_CLIENT_SECRET, valueFrom: { secretKeyRef: { name: {{ .existingSecret | quote }}, key: client-secret } } }
- { name: CONSOLE_OIDC_SCOPE, value: {{ .scope | quote }} }
- { name: CONSOLE_OIDC_ROLES_CLAIM, value: {{ .rolesClaim | quote }} }
- { name: CONSOLE_OIDC_ROLES, value: {{ .roles | toJson | quote }} }
{{- end }}
{{- end }}
{{- end }}
{{- end }}

{{- define "url-port" -}}
{{- $url := urlParse . -}}
{{- regexFind "[0-9]+$" (regexFind ":[0-9]+$" $url.host) | default (eq $url.scheme "https" | ternary "443" "80") -}}
{{- end }}
