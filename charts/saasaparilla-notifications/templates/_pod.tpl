{{- define "pod-security" -}}
runAsNonRoot: true
runAsUser: {{ . }}
runAsGroup: {{ . }}
fsGroup: {{ . }}
fsGroupChangePolicy: OnRootMismatch
seccompProfile: { type: RuntimeDefault }
{{- end }}

{{- define "container-security" -}}
allowPrivilegeEscalation: false
readOnlyRootFilesystem: true
capabilities: { drop: [ALL] }
{{- end }}

{{- /* What every pod of ours says, whatever it runs. */ -}}
{{- define "pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with .Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "pod-security" 10001 | nindent 2 }}
{{- with .Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- /* MiB of Node's heap, or of what Valkey keeps: the rest of the limit is for buffers, which are outside of it. */ -}}
{{- define "heap" -}}
{{- $size := regexFind "^[0-9]+" . | int -}}
{{- if hasSuffix "Gi" . }}{{ $size = mul $size 1024 }}{{ end -}}
{{ div $size 2 }}
{{- end }}

{{- /* Takes (dict root, kind, port, shutdown seconds, extra: more of the environment). */ -}}
{{- define "deployment" -}}
{{- $root := .root -}}
{{- $values := index $root.Values .kind -}}
{{- $name := printf "%s-%s" (include "name" $root) .kind -}}
{{- $scaled := and $root.Values.autoscaling.enabled $values.autoscaling -}}
apiVersion: apps/v1
kind: Deployment
metadata:
  name: {{ $name }}
  labels:
    {{- include "labels" (list $root .kind) | nindent 4 }}
spec:
  {{- if not $scaled }}
  replicas: {{ $values.replicas }}
  {{- end }}
  revisionHistoryLimit: 5
  # One more first: whoever is there serves until another one does.
  strategy: { type: RollingUpdate, rollingUpdate: { maxSurge: 1, maxUnavailable: 0 } }
  selector:
    matchLabels:
      {{- include "selector" (list $root .kind) | nindent 6 }}
  template:
    metadata:
      labels:
        {{- include "labels" (list $root .kind) | nindent 8 }}
      annotations:
        # A platform key of another set is read at the start alone.
        checksum/settings: {{ printf "%s%s" (toYaml $root.Values.identity) (toYaml $root.Values.platform) | sha256sum | trunc 16 | quote }}
        {{- with $root.Values.podAnnotations }}
        {{- toYaml . | nindent 8 }}
        {{- end }}
    spec:
      serviceAccountName: {{ $name }}
      {{- include "pod" $root | nindent 6 }}
      # The preStop's five seconds, the service's own ending, and some to spare before it is killed.
      terminationGracePeriodSeconds: {{ add 10 .shutdown }}
      topologySpreadConstraints:
        {{- range list "topology.kubernetes.io/zone" "kubernetes.io/hostname" }}
        - topologyKey: {{ . }}
          maxSkew: 1
          whenUnsatisfiable: ScheduleAnyway
          matchLabelKeys: [pod-template-hash]
          labelSelector:
            matchLabels:
              {{- include "selector" (list $root $.kind) | nindent 14 }}
        {{- end }}
      containers:
        - name: {{ .kind }}
          image: {{ include "image" $root }}
          imagePullPolicy: {{ $root.Values.image.pullPolicy }}
          args: [{{ .kind }}]
          securityContext:
            {{- include "container-security" . | nindent 12 }}
          ports:
            - { name: http, containerPort: {{ .port }} }
          env:
            - { name: NODE_OPTIONS, value: "--max-old-space-size={{ include "heap" $values.resources.limits.memory }}" }
            {{- include "environment" (list $root .kind) | nindent 12 }}
            {{- include "identity-environment" $root | nindent 12 }}
            {{- with $root.Values.identity.secretsKeySecret }}
            - { name: SECRETS_KEY, valueFrom: { secretKeyRef: { name: {{ . | quote }}, key: secrets-key } } }
            {{- end }}
            {{- with $root.Values.identity.keyEnvironment }}
            - { name: KEY_ENVIRONMENT, value: {{ . | quote }} }
            {{- end }}
            {{- if ne .kind "console" }}
            {{- include "traces-environment" $root | nindent 12 }}
            {{- end }}
            - { name: PORT, value: {{ .port | quote }} }
            - { name: SHUTDOWN_MS, value: {{ mul 1000 .shutdown | quote }} }
            {{- with $root.Values.platform.allowedOrigins }}
            - { name: ALLOWED_ORIGINS, value: {{ join "," . | quote }} }
            {{- end }}
            {{- with $root.Values.platform.trustedProxies }}
            - { name: TRUSTED_PROXIES, value: {{ join "," . | quote }} }
            - { name: PROXY_HOPS, value: {{ $root.Values.platform.proxyHops | quote }} }
            {{- end }}
            {{- with .extra }}
            {{- . | nindent 12 }}
            {{- end }}
            {{- range $setting, $value := $values.settings }}
            - { name: {{ $setting }}, value: {{ include "plain" $value }} }
            {{- end }}
          # Whoever still sends here finds it open until the news of its end has gone round.
          lifecycle: { preStop: { sleep: { seconds: 5 } } }
          # Ready once, it stays in: with a store away it answers what the protocol says, and all of them would be out at once.
          startupProbe:
            httpGet: { path: /health/ready, port: http }
            periodSeconds: 2
            timeoutSeconds: 2
            failureThreshold: 150
          readinessProbe:
            httpGet: { path: /health/serving, port: http }
            periodSeconds: 5
            timeoutSeconds: 3
            failureThreshold: 3
          # A process that hangs is found out after half a minute, and has ended within the next.
          livenessProbe:
            httpGet: { path: /health/live, port: http }
            periodSeconds: 10
            timeoutSeconds: 5
            failureThreshold: 3
            # What hangs does not end by itself: to wait for it would only take time.
            terminationGracePeriodSeconds: 10
          resources:
            {{- toYaml $values.resources | nindent 12 }}
          volumeMounts:
            {{- include "store-mounts" $root | nindent 12 }}
            {{- include "identity-mount" $root | nindent 12 }}
      volumes:
        {{- include "store-volumes" $root | nindent 8 }}
        {{- include "identity-volume" $root | nindent 8 }}
---
apiVersion: v1
kind: Service
metadata:
  name: {{ $name }}
  labels:
    {{- include "labels" (list $root .kind) | nindent 4 }}
spec:
  selector:
    {{- include "selector" (list $root .kind) | nindent 4 }}
  ports:
    - { name: http, port: {{ .port }}, targetPort: http }
---
apiVersion: v1
kind: ServiceAccount
metadata:
  name: {{ $name }}
  labels:
    {{- include "labels" (list $root .kind) | nindent 4 }}
automountServiceAccountToken: false
---
apiVersion: policy/v1
kind: PodDisruptionBudget
metadata:
  name: {{ $name }}
  labels:
    {{- include "labels" (list $root .kind) | nindent 4 }}
spec:
  maxUnavailable: 1
  unhealthyPodEvictionPolicy: AlwaysAllow
  selector:
    matchLabels:
      {{- include "selector" (list $root .kind) | nindent 6 }}
{{- end }}

{{- /* A number of YAML comes as a float, and a large one would be written with an exponent. */ -}}
{{- define "plain" -}}
{{- if kindIs "float64" . }}{{ if eq (floor .) . }}{{ int64 . | toString | quote }}{{ else }}{{ toString . | quote }}{{ end }}{{ else }}{{ toString . | quote }}{{ end }}
{{- end }}
