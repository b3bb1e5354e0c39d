# Fetches the requests of service accounts in the last two days. Set CLUSTER first.
# Without the Data Access log "DATA_READ" of the Kubernetes Engine API there are no reads in it: then no workload is quiet.
gcloud logging read \
    "resource.type=\"k8s_cluster\" AND resource.labels.cluster_name=\"$CLUSTER\" AND protoPayload.authenticationInfo.principalEmail=~\"^system:serviceaccount:\"" \
    --freshness 2d --format json > audit.json
boundtoken audit --audit-log audit.json
