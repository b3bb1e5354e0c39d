# Fetches the requests of service accounts in the last two days, and those that were refused with 401.
# The diagnostic setting must send the category kube-audit (not only kube-audit-admin, which has no reads) to
# resource-specific tables of the workspace. Set WORKSPACE, the ID of the workspace, first.
az monitor log-analytics query \
    --workspace "$WORKSPACE" \
    --analytics-query '
AKSAudit
| where TimeGenerated > ago(2d)
| where tostring(User.username) startswith "system:serviceaccount:" or toint(ResponseStatus.code) == 401' \
    --output json > audit.json
boundtoken audit --audit-log audit.json
