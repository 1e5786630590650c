{{/* Name of a part: `include "ollama.name" (list . "cache")`; the part "" is the server itself. Only the base is cut, so
that two parts of a long release never share a name. */}}
{{- define "ollama.name" -}}
{{- $suffix := "-ollama" -}}
{{- with index . 1 }}{{ $suffix = printf "-ollama-%s" . }}{{ end -}}
{{- $base := (index . 0).Release.Name | trunc (int (sub 63 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s%s" $base $suffix -}}
{{- end }}

{{/* Labels that select a component for ever: never a version, never a user's. */}}
{{- define "ollama.selectorLabels" -}}
app.kubernetes.io/name: ollama
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object: `include "ollama.labels" (list . "server")`. */}}
{{- define "ollama.labels" -}}
{{- $root := index . 0 -}}
{{ include "ollama.selectorLabels" . }}
app.kubernetes.io/part-of: workflow-orchestration
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image: digest before tag, a registry of its own before the global one. */}}
{{- define "ollama.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Pod fields that all pods of this chart share and that are no container. */}}
{{- define "ollama.podSpec" -}}
enableServiceLinks: false
automountServiceAccountToken: false
securityContext: {{- toYaml .Values.podSecurityContext | nindent 2 }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.priorityClassName }}
priorityClassName: {{ . }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}
