//! Findings of `preview`, from BT070.

/// Passes its rows, after those of earlier tables, to the next macro of the list.
macro_rules! preview_rows {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => {
        $next! { [$($later)*] $($rows)*

    BT070 Malformed NotText "value that is not a string"
        "Names, labels and annotations are strings. YAML reads unquoted text such as `7200`, `true` or `off` as a \
         number or a Boolean, and the API server refuses the object."
        "Write the value in quotes, as the message shows."

    BT071 Error Undecodable "object that cannot be decoded"
        "A field of the object is missing or has a wrong type. The API server refuses such an object."
        "Correct the field that the message names."

    BT072 Warning LabelIgnored "label without effect"
        "The label has the prefix of boundtoken, or nearly that prefix. The only label that has an effect is \
         `boundtoken.dev/webhook` on a Namespace; settings are annotations."
        "Make it an annotation, or correct its name."

    BT073 Warning OutsideTemplate "setting outside the Pod template"
        "Settings are read from Namespaces, Pods and Pod templates. Annotations of a Deployment, a ServiceAccount or \
         another object do not reach its Pods, so they have no effect. Neither does a setting in another field, such as \
         `spec.annotations`."
        "Move the annotation to the metadata of the Pod template, or to the Namespace."

    BT074 Note UnknownKind "kind that preview does not know"
        "The kind of the object or its `apiVersion` is misspelled, or it has a Pod template, but its kind is not one of \
         Kubernetes itself. `preview` assumes that Pods are \
         created from the template as it is written, in the Namespace of the object; the controller of the kind may \
         change them first. The webhook handles Pods of every kind of workload."
        "Correct the kind. To see the exact effect on Pods of another kind, preview one that its controller created."

    BT075 Note NamespaceAssumed "Namespace not in the input"
        "`preview` assumes that the Namespace has the label `boundtoken.dev/webhook: enabled` and no annotations."
        "Pass the Namespace as well: `kubectl get namespace NAME -o yaml | boundtoken preview -f - -f FILE`."

    BT076 Note NotCalled "Namespace without the webhook"
        "The webhook is called for Namespaces with the label `boundtoken.dev/webhook: enabled` only, and never for \
         `kube-system` and the Namespace of boundtoken. Pods elsewhere are not changed."
        "To opt in, label the Namespace."

    BT077 Error PatchFailed "patch that cannot be applied"
        "The patch of the webhook does not fit the Pod, which is a defect of boundtoken."
        "Report it, with the manifest."

    BT078 Warning LabelValue "value of the label that does not opt in"
        "The webhook is called for Namespaces whose label `boundtoken.dev/webhook` has exactly the value `enabled`, \
         and never for `kube-system` and the Namespace of boundtoken."
        "Write `enabled`. To keep a Namespace out, write `disabled` or remove the label."

    BT079 Note AccountAssumed "ServiceAccount not in the input"
        "`preview` assumes that the ServiceAccount exists and does not set `automountServiceAccountToken`. With \
         `false` there, the Pod has no default token."
        "Pass the ServiceAccount as well: `kubectl get serviceaccount NAME -n NAMESPACE -o yaml | boundtoken preview \
         -f - -f FILE`."

    BT080 Error Unreadable "file that cannot be read"
        "A file of a directory is meant to be a manifest, because it has `apiVersion` and `kind`, or one of them and a \
         name, but is not valid YAML or JSON, lacks the other one, or cannot be opened. The other files are previewed."
        "Correct the file, or keep it outside the directory."
        }
    };
}
pub(super) use preview_rows;
