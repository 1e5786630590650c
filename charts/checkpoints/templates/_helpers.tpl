{{/* Name of a part: `include "checkpoints.name" (list . "roles")`; the part "" is PostgreSQL itself. Only the base is cut, so
that two parts of a long release never share a name. 52, because a StatefulSet and a CronJob append to theirs. */}}
{{- define "checkpoints.name" -}}
{{- $suffix := "-checkpoints" -}}
{{- with index . 1 }}{{ $suffix = printf "-checkpoints-%s" . }}{{ end -}}
{{- $base := (index . 0).Release.Name | trunc (int (sub 52 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s%s" $base $suffix -}}
{{- end }}

{{/* Labels that select a component for ever: never a version, never a user's. */}}
{{- define "checkpoints.selectorLabels" -}}
app.kubernetes.io/name: checkpoints
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object: `include "checkpoints.labels" (list . "postgres")`. */}}
{{- define "checkpoints.labels" -}}
{{- $root := index . 0 -}}
{{ include "checkpoints.selectorLabels" . }}
app.kubernetes.io/part-of: workflow-orchestration
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* Pod fields that all pods of this chart share and that are no container. */}}
{{- define "checkpoints.podSpec" -}}
enableServiceLinks: false
automountServiceAccountToken: false
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

{{/* One variable from a Secret: `include "checkpoints.secretEnv" (list . "PGPASSWORD" "adminPassword" false)`. */}}
{{- define "checkpoints.secretEnv" -}}
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

{{/* An image: `include "checkpoints.image" (list . .Values.image)`; digest before tag, its own registry before the
global one; a tag that is empty is the platform's version. */}}
{{- define "checkpoints.image" -}}
{{- $root := index . 0 -}}
{{- $image := index . 1 -}}
{{- with $image.registry | default $root.Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default $root.Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Where PostgreSQL is, for libpq: the bundled Service or your own host, then with TLS that is verified. */}}
{{- define "checkpoints.libpqEnv" -}}
- name: PGHOST
  value: {{ .Values.global.database.host | default (include "checkpoints.name" (list . "")) | quote }}
- name: PGPORT
  value: {{ .Values.global.database.port | int64 | quote }}
{{- if .Values.global.database.caSecretName }}
- name: PGSSLMODE
  value: verify-full
- name: PGSSLROOTCERT
  value: /etc/database-ca/ca.crt
{{- end }}
{{- end }}

{{/* Egress rules to names and to PostgreSQL, wherever it is. Names: kube-dns, node-local caches, GKE's Cloud DNS. */}}
{{- define "checkpoints.egress" -}}
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
        matchLabels: {{- include "checkpoints.selectorLabels" (list . "postgres") | nindent 10 }}
    {{- end }}
  ports:
    - {port: {{ .Values.global.database.port }}, protocol: TCP}
{{- end }}

{{/* Pod security of what runs the platform's image, whose user is another than PostgreSQL's. */}}
{{- define "checkpoints.platformSecurity" -}}
runAsNonRoot: true
runAsUser: 10001
runAsGroup: 10001
fsGroup: 10001
seccompProfile: {type: RuntimeDefault}
{{- end }}
