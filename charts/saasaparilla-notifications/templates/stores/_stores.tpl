{{- /* Takes (list root user). */ -}}
{{- define "store-pod" -}}
automountServiceAccountToken: false
enableServiceLinks: false
{{- with (index . 0).Values.image.pullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
securityContext:
  {{- include "pod-security" (index . 1) | nindent 2 }}
{{- with (index . 0).Values.nodeSelector }}
nodeSelector:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- with (index . 0).Values.tolerations }}
tolerations:
  {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{- define "store-volume" -}}
{{- if not .size -}}
- { name: data, emptyDir: {} }
{{- end }}
{{- end }}

{{- define "store-claim" -}}
{{- if .size -}}
volumeClaimTemplates:
  - metadata: { name: data }
    spec:
      accessModes: [ReadWriteOnce]
      {{- with .className }}
      storageClassName: {{ . }}
      {{- end }}
      resources: { requests: { storage: {{ .size }} } }
{{- end }}
{{- end }}

{{- /* Takes (list root component port). */ -}}
{{- define "store-service" -}}
apiVersion: v1
kind: Service
metadata:
  name: {{ include "name" (index . 0) }}-{{ index . 1 }}
  labels:
    {{- include "labels" . | nindent 4 }}
spec:
  selector:
    {{- include "selector" . | nindent 4 }}
  ports:
    - { name: {{ index . 1 }}, port: {{ index . 2 }}, targetPort: {{ index . 1 }} }
{{- end }}
