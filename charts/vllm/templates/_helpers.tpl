{{/* Name of a part: `include "vllm.name" (list . "cache")`; the part "" is the server itself. Only the base is cut, so
that two parts of a long release never share a name. */}}
{{- define "vllm.name" -}}
{{- $suffix := "-vllm" -}}
{{- with index . 1 }}{{ $suffix = printf "-vllm-%s" . }}{{ end -}}
{{- $base := (index . 0).Release.Name | trunc (int (sub 63 (len $suffix))) | trimSuffix "-" -}}
{{- printf "%s%s" $base $suffix -}}
{{- end }}

{{/* Labels that select a component for ever: never a version, never a user's. */}}
{{- define "vllm.selectorLabels" -}}
app.kubernetes.io/name: vllm
app.kubernetes.io/instance: {{ (index . 0).Release.Name }}
app.kubernetes.io/component: {{ index . 1 }}
{{- end }}

{{/* All labels of an object: `include "vllm.labels" (list . "server")`. */}}
{{- define "vllm.labels" -}}
{{- $root := index . 0 -}}
{{ include "vllm.selectorLabels" . }}
app.kubernetes.io/part-of: workflow-orchestration
app.kubernetes.io/managed-by: {{ $root.Release.Service }}
app.kubernetes.io/version: {{ $root.Chart.AppVersion | replace "+" "_" | quote }}
helm.sh/chart: {{ printf "%s-%s" $root.Chart.Name $root.Chart.Version | replace "+" "_" }}
{{- end }}

{{/* The image: digest before tag, a registry of its own before the global one. */}}
{{- define "vllm.image" -}}
{{- $image := .Values.image -}}
{{- with $image.registry | default .Values.global.imageRegistry }}{{ . }}/{{ end -}}
{{- $image.repository -}}
{{- if $image.digest }}@{{ $image.digest }}{{ else }}:{{ $image.tag | default .Chart.AppVersion }}{{ end -}}
{{- end }}

{{/* Pod fields that all pods of this chart share and that are no container. */}}
{{- define "vllm.podSpec" -}}
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

{{/* One variable from a Secret: `include "vllm.secretEnv" (list . "VLLM_API_KEY" "apiKey" false)`. */}}
{{- define "vllm.secretEnv" -}}
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

{{/* Annotations that roll a pod when what it reads changes: its settings, a rotated Secret. */}}
{{- define "vllm.podAnnotations" -}}
checksum/config: {{ include (print .Template.BasePath "/configmap.yaml") . | sha256sum }}
{{- with .Values.secrets.rotation }}
checksum/secret-rotation: {{ . | sha256sum }}
{{- end }}
{{- with .Values.podAnnotations }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* "yes" where the weights are streamed from an object store. */}}
{{- define "vllm.objectStore" -}}
{{- if regexMatch "^(s3|gs|az)://" .Values.model.name }}yes{{ end -}}
{{- end }}

{{/* Arguments of the server. Every number of a request's size and of the queue is bounded; answers that follow a schema
are not padded with white space; what is not listed by the middleware does not exist. */}}
{{- define "vllm.args" -}}
- --model={{ .Values.model.name }}
- --served-model-name={{ .Values.model.servedName | default .Values.model.name }}
{{- with .Values.model.revision }}
- --revision={{ . }}
{{- end }}
{{- if include "vllm.objectStore" . }}
- --load-format=runai_streamer
{{- end }}
- --max-model-len={{ .Values.model.maxModelLen | int64 }}
- --host=0.0.0.0
- --port=8000
- --middleware=allowlist.Allowlist
- --disable-fastapi-docs
- --disable-access-log-for-endpoints=/health,/metrics
- --tensor-parallel-size={{ .Values.gpu.tensorParallelSize }}
{{- if gt (int .Values.gpu.count) 0 }}
- --gpu-memory-utilization={{ .Values.gpu.memoryUtilization }}
{{- end }}
- --max-num-seqs={{ .Values.server.maxNumSeqs | int64 }}
- --max-num-queued-reqs={{ .Values.server.maxNumQueuedReqs | int64 }}
- --shutdown-timeout={{ .Values.server.shutdownTimeoutSeconds | int64 }}
- --generation-config=vllm
- '--structured-outputs-config={"backend":"xgrammar","disable_any_whitespace":true}'
{{- end }}

{{/* Requests and limits with the GPUs in both: they cannot be overcommitted. */}}
{{- define "vllm.resources" -}}
{{- $all := deepCopy .Values.resources -}}
{{- if gt (int .Values.gpu.count) 0 -}}
{{- range $part := list "requests" "limits" -}}
{{- $_ := set $all $part (set (dig $part (dict) $all) $.Values.gpu.resource (int $.Values.gpu.count)) -}}
{{- end -}}
{{- end -}}
{{ toYaml $all }}
{{- end }}
