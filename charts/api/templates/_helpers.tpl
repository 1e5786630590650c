{{/* Name of a part: `include "api.name" (list . "worker")`; the part "" is the API itself. Only the base is cut, so
that two parts of a long release never share a name. */}}
{{- define "api.name" -}}
{{- $suffix := "-api" -}}
{{- with index . 1 }}{{ $suffix = printf "-api-%s" . }}{{ end -}}
{{- $base := (index . 0).Release.Name | trunc (int (sub 63 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s%s" $base $suffix -}}
{{- end }}

{{/* Labels that select a component for ever: never a version, never a user's. */}}
{{- define "api.selectorLabels" -}}
app.kubernetes.io/name: api
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object: `include "api.labels" (list . "worker")`. */}}
{{- define "api.labels" -}}
{{- $root := index . 0 -}}
{{ include "api.selectorLabels" . }}
app.kubernetes.io/part-of: workflow-orchestration
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image: digest before tag, a registry of its own before the global one. */}}
{{- define "api.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Pod fields that all pods of this chart share and that are no container. */}}
{{- define "api.podSpec" -}}
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

{{/* One variable from a Secret: `include "api.secretEnv" (list . "DATABASE_URL" "apiDatabaseUrl" false)`. */}}
{{- define "api.secretEnv" -}}
{{- $root := index . 0 -}}
{{- $ref := index $root.Values.secrets (index . 2) -}}
- name: {{ index . 1 }}
  valueFrom:
    secretKeyRef:
      name: {{ $ref.secretName | default $root.Values.global.secretName }}
      key: {{ $ref.key }}
      {{- if index . 3 }}
      optional: true
      {{- end }}
{{- end }}

{{/* TLS to a PostgreSQL of one's own: libpq reads these two where the URL is silent. */}}
{{- define "api.databaseTlsEnv" -}}
{{- if .Values.global.database.caSecretName }}
- name: PGSSLMODE
  value: verify-full
- name: PGSSLROOTCERT
  value: /etc/database-ca/ca.crt
{{- end }}
{{- end }}

{{/* Egress rules to names and to PostgreSQL, wherever it is. Names: kube-dns, node-local caches, GKE's Cloud DNS. */}}
{{- define "api.baseEgress" -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
    - ipBlock: {cidr: 169.254.0.0/16}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
- to:
    {{- if .Values.global.database.host }}
    {{- range .Values.global.database.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
    {{- else }}
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: checkpoints
          app.kubernetes.io/instance: {{ .Release.Name }}
          app.kubernetes.io/component: postgres
    {{- end }}
  ports:
    - {port: {{ .Values.global.database.port }}, protocol: TCP}
{{- end }}

{{/* Annotations that roll a pod when what it reads changes: its settings, a rotated Secret. */}}
{{- define "api.podAnnotations" -}}
checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
{{- with .Values.secrets.rotation }}
checksum/secret-rotation: {{ . | sha256sum }}
{{- end }}
{{- end }}

{{/* Where the worker's model is; nothing at all in degraded mode, where people decide on code's findings alone. */}}
{{- define "api.llmEnv" -}}
{{- $llm := .Values.global.llm -}}
{{- if ne $llm.provider "none" }}
{{- $name := printf "%s-%s" (.Release.Name | trunc (int (sub 62 (len $llm.provider))) | trimSuffix "-") $llm.provider }}
- name: LLM_BASE_URL
  value: {{ dict "vllm" (printf "http://%s:8000/v1" $name) "ollama" (printf "http://%s:11434/v1" $name) "external" $llm.baseUrl | dig $llm.provider "" | quote }}
- name: LLM_MODEL
  value: {{ $llm.model | quote }}
- name: LLM_MAX_OUTPUT_TOKENS
  value: {{ .Values.llm.maxOutputTokens | int64 | quote }}
- name: LLM_DRAFT_TEMPERATURE
  value: {{ .Values.llm.draftTemperature | toString | quote }}
{{- range $name, $value := .Values.llm.config }}
- name: {{ $name }}
  value: {{ kindIs "string" $value | ternary $value (toJson $value) | quote }}
{{- end }}
{{- if ne $llm.provider "ollama" }}
{{ include "api.secretEnv" (list . "LLM_API_KEY" "llmApiKey" false) }}
{{- end }}
{{- end }}
{{- end }}
