# Terraform: the chart, and then a Namespace with the label, since it refuses Pods until a replica is ready.
resource "helm_release" "boundtoken" {
  name             = "boundtoken"
  chart            = "${path.module}/../charts/boundtoken"
  namespace        = "boundtoken"
  create_namespace = true
}

resource "kubernetes_namespace_v1" "payments" {
  metadata {
    name        = "payments"
    labels      = { "boundtoken.dev/webhook" = "enabled" }
    annotations = { "boundtoken.dev/max-ttl" = "30m" }
  }
  depends_on = [helm_release.boundtoken]
}
#
# $ kubectl get namespace payments -o jsonpath='{.metadata.annotations}{"\n"}'
# {"boundtoken.dev/max-ttl":"30m"}
#
# $ kubectl run probe --image=busybox -n payments --dry-run=server -o jsonpath='{.spec.volumes[*].projected.sources[*].serviceAccountToken.expirationSeconds}{"\n"}'
# 1800
