# Fetches the requests of service accounts in the last two days, and those that were refused with 401.
# The control plane log of the type "audit" must be on. Set CLUSTER first.
aws logs filter-log-events \
    --log-group-name "/aws/eks/$CLUSTER/cluster" \
    --log-stream-name-prefix kube-apiserver-audit \
    --start-time "$(date -d '2 days ago' +%s)000" \
    --filter-pattern '{ $.user.username = "system:serviceaccount:*" || $.responseStatus.code = 401 }' \
    --output json > audit.json
boundtoken audit --audit-log audit.json
