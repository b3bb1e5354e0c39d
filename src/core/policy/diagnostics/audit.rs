//! Reasons for the verdicts of `audit`, from BT100.

/// Passes its rows, after those of earlier tables, to the next macro of the list.
macro_rules! audit_rows {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => {
        $next! { [$($later)*] $($rows)*

    BT101 Reason HoldsNoToken "no token"
        "No running container holds a service account token."
        "Nothing is to be done."

    BT102 Reason RequestsRefused "requests refused with 401"
        "The API server accepted no token of requests from the address of a Pod. The client may use a token that has \
         expired, or one for another audience."
        "Update the client to one that reads the token file again, or give the Pod a longer `ttl`. Restart the Pod to \
         mend it for now."

    BT103 Reason SettingsFollowed "settings followed"
        "The Namespace opted in, and the webhook would change none of the Pods."
        "Nothing is to be done."

    BT104 Reason OlderThanSettings "Pod older than the settings"
        "The Pod was created before the Namespace was labelled, or before its settings changed."
        "Restart the workload."

    BT105 Reason MissedByWebhook "Pod missed by the webhook"
        "The Pod is younger than the label and the settings, but the webhook was not called for it, or its answer did \
         not arrive in time (`failurePolicy: Ignore`), or another webhook changed the Pod later."
        "Restart the workload. If new Pods are missed as well, check that the webhook answers."

    BT106 Reason OlderOrMissed "Pod older than the settings, or missed"
        "The webhook would change the Pod. The time at which the settings changed is not known, so the Pod may be \
         older than they are, or the webhook missed it."
        "Restart the workload."

    BT107 Reason WouldBeRefused "Pod that would be refused"
        "The webhook would refuse a new Pod with this spec, so a restart would leave the workload without Pods."
        "Correct the setting that the code in parentheses explains. Do not restart the workload or label the Namespace \
         before."

    BT108 Reason MountsSubPath "token mounted with subPath in a running Pod"
        "The kubelet never refreshes a file that is mounted with `subPath`, so the container loses its access when the \
         token expires."
        "Mount the directory without `subPath`."

    BT109 Reason NeverReloads "token never read again"
        "The age of the token follows the uptime of the containers: the client read the file once. It cannot be seen \
         whether it would read it again after a 401."
        "Update the client. To see whether it recovers after a 401, annotate one Pod with a `ttl` of an hour first."

    BT110 Reason StaleUndecided "old token, and too little to say more"
        "A client used a token after the moment at which it had to read the next one. The log does not show whether it \
         reloads late or never."
        "Pass a longer log. If the client is known to reload, update it."

    BT111 Reason ReloadsLate "token reloaded late"
        "The client reads the token file again, but too late for a token of one hour."
        "Give its Pods a longer `ttl`, as the verdict says, or update the client."

    BT112 Reason ReloadsInTime "token reloaded in time"
        "The client sent requests after more than an hour, and each with a token that the kubelet had not replaced \
         long before. That says nothing about a `ttl` below an hour."
        "Label the Namespace."

    BT113 Reason NotExtended "no extended token"
        "Every token is bound to a lifetime already or comes from a Secret, so the webhook shortens none from a year."
        "Label the Namespace. Replace tokens of Secrets, which never expire."

    BT114 Reason NeverUsed "token never used"
        "The log would show requests with the token, and there are none."
        "Annotate the Pod template with `boundtoken.dev/mode: disable`."

    BT120 Reason NoLog "no audit log"
        "Without an audit log nothing is known about the use of tokens."
        "Pass one with `--audit-log`."

    BT121 Reason NoReads "log without reads"
        "The log has no `get`, `list` or `watch` of a service account. Google Cloud logs reads only with Data Access \
         logs, Azure only in the category `kube-audit`. Clients that only read do not show in such a log."
        "Log reads of service accounts at level `Metadata`."

    BT122 Reason ShortLog "log too short"
        "Silence is evidence only in a log that covers at least `--min-window`."
        "Pass a longer log."

    BT123 Reason HolesInLog "log with holes"
        "The log has no event for more than an hour between others. Requests of that time would not show."
        "Pass the missing files too."

    BT124 Reason DamagedLog "lines lost from the log"
        "Lines could not be read, or their start was missing. Each may have been a request."
        "Pass the original files."

    BT125 Reason MissingServers "log of too few API servers"
        "Each API server writes a log of its own, and the cluster has more of them than the log names."
        "Pass the logs of every API server."

    BT126 Reason SharedAccount "service account shared by workloads"
        "The log names no Pods, and several workloads use the service account, so a request may be of any of them."
        "Give each workload its own service account, or pass a log with `user.extra`."

    BT127 Reason TooYoung "no request after an hour"
        "The Pods sent requests, but none after more than an hour. Every client passes that."
        "Pass a log of a time at which the Pods are older."

    BT128 Reason NotInLog "no Pod ran in the log's time"
        "The Pods never started, ended before the log begins, or do not exist now."
        "Pass a log of a time at which the workload runs."

    BT129 Reason FewRuns "too few runs in the log"
        "A CronJob is silent between its runs, so two of them have to be in the log."
        "Pass a log that covers two runs."

    BT130 Reason NewWorkload "workload too new"
        "The workload is younger than `--min-window`, so its silence shows little."
        "Wait, and pass a later log."

    BT131 Reason NoTimes "requests without a time"
        "The events of the requests lack their time, so the age of the token is not known."
        "Pass the original files."

    BT132 Reason NoAnnotations "requests without annotations"
        "The events of the requests after more than an hour lost their annotations, which show whether the token was \
         old. Some services cut long events."
        "Log service accounts at level `Metadata`, so that events stay short."

    BT133 Reason OtherAudience "token for another audience"
        "The Pod has a token for another audience. The audit log does not show its use."
        "Find out which service receives it; the webhook leaves it alone in mode `replace`."

    BT134 Reason UsedElsewhere "sign of use with another service"
        "An annotation, an environment variable or a TokenReview suggests that the token is shown to another service, \
         such as Vault. The audit log does not show that use."
        "Find out whether that service needs the token before you choose the mode `disable`."

    BT135 Reason SecretUsed "requests with the token of a Secret"
        "The service account sent requests with a token that is not bound to a Pod, and the Pod holds such a token."
        "Replace the token of the Secret by a bound one."

    BT136 Reason NeverStale "tokens that cannot show as old"
        "The API server marks old tokens only if it extended them to a year. The Pod holds none that it would mark."
        "Find out from the client's version whether it reads the token file again."

    BT137 Reason HolesOfServer "log of one API server with holes"
        "One API server logs at least every ten minutes, but nothing for more than an hour, while others log. Requests \
         that it received in that time would not show."
        "Pass the missing files of that API server too."

    BT138 Reason NewPods "Pods too new"
        "The Pods of the workload ran for less than an hour in the time of the log, for example because it was scaled \
         up shortly before the end, so their silence shows little."
        "Wait, and pass a later log."

    BT140 Reason PodsGone "evidence of Pods that are gone"
        "Only Pods that no longer exist show it. They were matched by their names, which is weaker evidence."
        "Pass a log of a time at which the present Pods run."

    BT141 Reason ShortRecord "short record"
        "The evidence is of less than a day of uptime. A client whose interval is close to that of the kubelet, 48 \
         minutes, may take that long to use an old token."
        "Repeat the audit after a day."

    BT142 Reason LateKubelet "late kubelet"
        "Several Pods of one node had an old token at the same time, each by at most 12 minutes: the kubelet was late, \
         and not the clients."
        "Find out what kept the kubelet or the API server busy at that time."

    BT143 Reason RefusalsHidden "log without refused requests"
        "The log has no event of the stage `ResponseStarted`, in which the API server logs requests without a valid \
         token. A client that broke would not show."
        "Log the stage `ResponseStarted` at level `Metadata` for everyone."

    BT144 Reason SecretsUnread "Secrets that could not be listed"
        "A container has a Secret, in a volume or as variables. The audit may not list the Secrets with service account \
         tokens, so it is not known whether this is one."
        "Grant the right to list Secrets (`boundtoken audit --print-rbac`); only metadata is read. Or look at the type of \
         the Secret: `kubernetes.io/service-account-token` is one with a token."

    BT145 Reason Excluded "workload with the mode off"
        "The settings of each Pod and of the Pod template have the mode `off`. The webhook leaves such Pods as they are unless \
         a guardrail refuses them, so the workload does not keep its Namespace from being labelled, whatever the log shows."
        "Remove the mode when the client is fixed: until then its token lives up to a year."
        }
    };
}
pub(super) use audit_rows;
