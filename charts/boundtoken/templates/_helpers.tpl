{{/* The labels of every object. */}}
{{- define "boundtoken.labels" -}}
app.kubernetes.io/name: boundtoken
app.kubernetes.io/part-of: boundtoken
{{- with .Values.commonLabels }}
{{ toYaml . }}
{{- end }}
{{- end }}

{{/* The name and the labels of an object in the namespace of the release. */}}
{{- define "boundtoken.metadata" -}}
name: boundtoken
namespace: {{ .Release.Namespace }}
labels:
  {{- include "boundtoken.labels" . | nindent 2 }}
{{- end }}

{{/* The name and the labels of an object of the cluster. */}}
{{- define "boundtoken.clusterMetadata" -}}
name: boundtoken
labels:
  {{- include "boundtoken.labels" . | nindent 2 }}
{{- end }}

{{- define "boundtoken.image" -}}
{{- with .Values.image }}
{{- if .digest }}{{ .repository }}@{{ .digest }}{{ else }}{{ .repository }}:{{ .tag | default $.Chart.AppVersion }}{{ end }}
{{- end }}
{{- end }}

{{/* Whether boundtoken writes its certificates itself. */}}
{{- define "boundtoken.selfMade" -}}
{{- if eq .Values.certificates.mode "self" }}true{{ end }}
{{- end }}

{{- define "boundtoken.port" -}}
{{- .Values.webhook.port | default (ternary 10260 10250 .Values.hostNetwork) }}
{{- end }}

{{/* A manifest in files/, which kustomize rendered for the namespace boundtoken, for this release. */}}
{{- define "boundtoken.file" -}}
{{- $namespace := .root.Release.Namespace }}
{{- $prometheus := .root.Values.monitoring.prometheusNamespace }}
{{- $mode := .root.Values.defaults.mode | default "replace" }}
{{- $text := .root.Files.Get .file
    | replace "\n  namespace: boundtoken\n" (printf "\n  namespace: %s\n" $namespace)
    | replace "\n        - boundtoken\n" (printf "\n        - %s\n" $namespace)
    | replace "kubernetes.io/metadata.name: monitoring\n" (printf "kubernetes.io/metadata.name: %s\n" $prometheus)
    | replace "expression: '\"replace\"'" (printf "expression: '\"%s\"'" $mode) }}
{{- range regexSplit "(?m)^---\n" $text -1 }}
{{- $object := fromYaml . }}
{{- $labels := merge dict $object.metadata.labels $.root.Values.commonLabels }}
{{- if has $object.kind (list "PodMonitor" "PrometheusRule") }}
{{- $labels = merge $labels $.root.Values.monitoring.labels }}
{{- end }}
{{- $_ := set $object.metadata "labels" $labels }}
{{- /* Alone this policy would close the port of the webhook. */}}
{{- if or $.root.Values.networkPolicy.enabled (ne $object.kind "NetworkPolicy") }}
---
{{ toYaml $object }}
{{- end }}
{{- end }}
{{- end }}

{{/* The metadata of what `helm test` creates, by the weight of the hook; the Pod, of weight 0, stays after a failure. */}}
{{- define "boundtoken.checkMetadata" -}}
name: boundtoken-check
labels:
  app.kubernetes.io/name: boundtoken-check
  app.kubernetes.io/part-of: boundtoken
annotations:
  helm.sh/hook: test
  helm.sh/hook-weight: {{ . | quote }}
  helm.sh/hook-delete-policy: before-hook-creation,hook-succeeded{{ if ne . "0" }},hook-failed{{ end }}
{{- end }}
