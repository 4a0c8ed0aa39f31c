{{- /* What of them is for the public: health, metrics and the operators' routes are not. One that ends with / is of all that begin with it. */ -}}
{{- define "publisher-paths" -}}
- /v1/notifications
- /openapi.json
- /docs
- /problems/
{{- end }}

{{- define "queue-paths" -}}
- /v1/queues/
- /v1/groups/
- /v1/publications/
- /api/changes
- /api/confirm-changes
{{- end }}

{{- define "inbox-paths" -}}
- /v1/inbox
- /v1/inbox/
{{- end }}

{{- define "poll-paths" -}}
- /v1/poll
{{- end }}

{{- define "stream-paths" -}}
- /v1/ws
- /v1/sse
- /v1/acks
- /v1/tickets
{{- end }}
