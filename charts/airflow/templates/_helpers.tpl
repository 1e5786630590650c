{{/* Name of a part: `include "airflow.name" (list . "scheduler")`. Only the base is cut, so
that two parts of a long release never share a name; to 52, because a CronJob appends to its own. */}}
{{- define "airflow.name" -}}
{{- $suffix := printf "-airflow-%s" (index . 1) -}}
{{- $base := (index . 0).Release.Name | trunc (int (sub 52 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s%s" $base $suffix -}}
{{- end }}

{{/* Labels that select a component for ever: never a version, never a user's. */}}
{{- define "airflow.selectorLabels" -}}
app.kubernetes.io/name: airflow
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object, the official chart's three among them: `include "airflow.labels" (list . "scheduler")`. */}}
{{- define "airflow.labels" -}}
{{- $root := index . 0 -}}
{{ include "airflow.selectorLabels" . }}
app.kubernetes.io/part-of: workflow-orchestration
tier: airflow
component: {{ index . 1 }}
release: {{ $root.Release.Name }}
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image: digest before tag, a registry of its own before the global one. */}}
{{- define "airflow.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Pod fields that all pods share and that are no container; who calls the Kubernetes API mounts its token itself. */}}
{{- define "airflow.podSpec" -}}
enableServiceLinks: false
securityContext: {{- toYaml .Values.securityContexts.pod | nindent 2 }}
{{- with .Values.global.imagePullSecrets }}
imagePullSecrets:
  {{- range . }}
  - name: {{ . }}
  {{- end }}
{{- end }}
{{- with .Values.nodeSelector }}
nodeSelector: {{- toYaml . | nindent 2 }}
{{- end }}
{{- with .Values.tolerations }}
tolerations: {{- toYaml . | nindent 2 }}
{{- end }}
{{- end }}

{{/* Environment of every Airflow container; `(list . true)` adds the control plane's own, which no task ever gets. */}}
{{- define "airflow.env" -}}
{{- $v := (index . 0).Values -}}
- {name: AIRFLOW_CONFIG, value: /etc/airflow/airflow.cfg}
- {name: AIRFLOW__CORE__EXECUTOR, value: {{ $v.executor | quote }}}
{{- $platform := printf "http://%s-api:8000" ((index . 0).Release.Name | trunc 59 | trimSuffix "-") }}
# where tasks find the platform, and who they are there: a file, read at each request, because the token rotates
- {name: API_URL, value: {{ $platform }}}
- {name: AIRFLOW_CONN_WORKFLOW_ORCHESTRATION_DEFAULT, value: {{ dict "conn_type" "workflow-orchestration" "host" $platform "extra" (dict "token_file" "/var/run/secrets/platform/token" "pages" $v.platform.pages) | toJson | quote }}}
# our waits do what the image's entrypoint would, in hundredths of a second instead of seconds
- {name: CONNECTION_CHECK_MAX_COUNT, value: "0"}
{{- with $v.env }}
{{ toYaml . }}
{{- end }}
{{- if index . 1 }}
- name: POD_IP
  valueFrom: {fieldRef: {fieldPath: status.podIP}}
{{- range $name, $ref := dict
  "AIRFLOW__DATABASE__SQL_ALCHEMY_CONN" (list $v.data.metadataSecretName $v.data.metadataSecretKey)
  "AIRFLOW__CORE__FERNET_KEY" (list $v.fernetKeySecretName $v.data.fernetKeySecretKey)
  "AIRFLOW__API__SECRET_KEY" (list $v.apiSecretKeySecretName $v.data.apiSecretKeySecretKey)
  "AIRFLOW__API_AUTH__JWT_SECRET" (list $v.jwtSecretName $v.data.jwtSecretKey) }}
- name: {{ $name }}
  valueFrom: {secretKeyRef: {name: {{ index $ref 0 | default $v.global.secretName }}, key: {{ index $ref 1 }}}}
{{- end }}
{{- if $v.global.database.caSecretName }}
- {name: PGSSLMODE, value: verify-full}
- {name: PGSSLROOTCERT, value: /etc/database-ca/ca.crt}
{{- end }}
{{- end }}
{{- end }}

{{/* Where the control plane's files lie. */}}
{{- define "airflow.mounts" -}}
- {name: config, mountPath: /etc/airflow, readOnly: true}
- {name: logs, mountPath: /opt/airflow/logs}
- {name: tmp, mountPath: /tmp}
{{- if .Values.global.database.caSecretName }}
- {name: database-ca, mountPath: /etc/database-ca, readOnly: true}
{{- end }}
{{- end }}

{{/* And the volumes they come from; a task's pod has the first three (workers/configmap.yaml). */}}
{{- define "airflow.volumes" -}}
- name: config
  configMap: {name: {{ include "airflow.name" (list . "config") }}}
- name: logs
  {{- if .Values.logs.persistence.enabled }}
  persistentVolumeClaim:
    claimName: {{ .Values.logs.persistence.existingClaim | default (include "airflow.name" (list . "logs")) }}
  {{- else }}
  emptyDir: {}
  {{- end }}
- name: tmp
  emptyDir: {}
{{- with .Values.global.database.caSecretName }}
- name: database-ca
  secret: {secretName: {{ . }}, items: [{key: ca.crt, path: ca.crt}]}
{{- end }}
{{- end }}

{{/* Annotations that roll a pod when what it reads changes: airflow.cfg, a rotated Secret. */}}
{{- define "airflow.podAnnotations" -}}
checksum/config: {{ include (print .Template.BasePath "/config/configmap.yaml") . | sha256sum }}
{{- with .Values.data.rotation }}
checksum/secret-rotation: {{ . | sha256sum }}
{{- end }}
{{- end }}

{{/* Egress rules to names and, for the control plane (`list . true`), to PostgreSQL, wherever it is. */}}
{{- define "airflow.egress" -}}
{{- $root := index . 0 -}}
- to:
    - namespaceSelector:
        matchLabels: {kubernetes.io/metadata.name: kube-system}
    - ipBlock: {cidr: 169.254.0.0/16}
  ports:
    - {port: 53, protocol: UDP}
    - {port: 53, protocol: TCP}
{{- if index . 1 }}
- to:
    {{- if $root.Values.global.database.host }}
    {{- range $root.Values.global.database.cidrs }}
    - ipBlock: {cidr: {{ . }}}
    {{- end }}
    {{- else }}
    - podSelector:
        matchLabels:
          app.kubernetes.io/name: checkpoints
          app.kubernetes.io/instance: {{ $root.Release.Name }}
          app.kubernetes.io/component: postgres
    {{- end }}
  ports:
    - {port: {{ $root.Values.global.database.port }}, protocol: TCP}
{{- end }}
{{- end }}
