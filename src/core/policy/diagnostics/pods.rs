//! Guardrails of Namespaces, from BT030, and warnings, from BT050.

/// Passes its rows, after those of earlier tables, to the next macro of the list.
macro_rules! pod_rows {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => {
        $next! { [$($later)*] $($rows)*

    BT030 Forbidden OverrideForbidden "settings on Pods not allowed"
        "The Namespace sets `pod-overrides: deny`, so its own annotations apply to every Pod."
        "Remove the annotation from the Pod, or ask the owner of the Namespace."

    BT031 Forbidden AudienceForbidden "audience not allowed"
        "The Namespace sets `allowed-audiences`. The list applies to every service account token in the Pod, \
         including those in the Pod's own volumes."
        "Use an allowed audience, or ask the owner of the Namespace."

    BT032 Forbidden LifetimeForbidden "lifetime not allowed"
        "The Namespace sets `max-ttl`. The limit applies to every service account token in the Pod, including those \
         in the Pod's own volumes. A lifetime of 3607 s counts as a year, whatever the audience: the API server \
         extends it for its own audiences, and boundtoken may not know each of them."
        "Use a shorter lifetime, or ask the owner of the Namespace."

    BT050 Warning UnknownKey "unknown key"
        "The key is unknown, or its prefix is misspelled. It has no effect."
        "Correct the key; `boundtoken explain` lists all keys."

    BT051 Warning NamespaceKey "key of a Namespace on a Pod"
        "This key only has an effect on Namespaces."
        "Remove it from the Pod."

    BT052 Warning NoEffect "setting without effect"
        "The setting has no effect in this mode, or the Pod has no default token that it could change, because the \
         Pod or its service account sets `automountServiceAccountToken: false`, or because the Pod mounts a volume of \
         its own in place of it. A container list does not change the mounts of a token that the Pod projects itself."
        "Remove the setting, or use mode `add`, which needs no default token."

    BT053 Warning UnknownContainer "unknown container"
        "A container list names a container that the Pod does not have, at least not yet: another webhook may still \
         add it."
        "Correct the name."

    BT054 Warning MountTaken "mount in the way"
        "The container keeps what it mounts and gets no token. It mounts something else at the directory of the token; \
         or a file inside that directory, such as that of `terminationMessagePath`; or the directory is inside a mount \
         in which no mount point can be made: a read-only mount of an `emptyDir`, a host path, a claim or a CSI volume, \
         a volume that is read-only itself, an image volume, or a file. Such a container would never start. For a setting of the Namespace, the warning is \
         given only if no container of the Pod gets the token."
        "Choose another `path`, exclude the container with `skip-containers`, or mount the other volume writable."

    BT055 Warning EnvTaken "variable already set"
        "The container sets the variable to another value, which it keeps."
        "Choose another name for `env`, or remove the variable from the container."

    BT056 Warning SubPath "token mounted with subPath"
        "The kubelet never refreshes a file that is mounted with `subPath`, so the token in it expires. The warning is \
         about each token whose lifetime boundtoken sets or limits, also in volumes of the Pod's own."
        "Mount the directory without `subPath`."

    BT057 Warning ForeignAudience "token for another audience at the default path"
        "Clients of the API server read the token at this path. The API server answers 401 to a token for another \
         audience."
        "Use mode `add` to keep both tokens, or `path` to mount this one elsewhere."

    BT058 Warning AutomountOverruled "automountServiceAccountToken: true overruled"
        "Mode `disable` removes the default token from every Pod."
        "If the Pod needs a token, annotate it with `boundtoken.dev/mode: replace`; otherwise remove the field."

    BT059 Warning OtherSecret "Secret at the default path"
        "A Secret is mounted at the directory of the default token, and boundtoken keeps it. If the Secret holds a \
         legacy token, that token never expires."
        "Remove the volume and its mounts; the Pod then gets a bound token."

    BT060 Warning DryRun "dry run"
        "The Namespace sets `dry-run: true`: boundtoken left the Pod unchanged, and the warning says what it would \
         have done."
        "Set `dry-run` to `false` once the warnings match what you want."

    BT061 Warning NotOptedIn "settings without the label"
        "Annotations of a Namespace and of its Pods have no effect without the label \
         `boundtoken.dev/webhook: enabled` on the Namespace."
        "Label the Namespace, or remove the annotations."

    BT062 Warning ImageDirectory "token in a directory of the image"
        "The directory of the token becomes a mount point, which hides the files that images have in it: programs in \
         `/usr/bin`, certificates in `/etc`, sockets in `/var/run`. The container may fail to start."
        "Use a directory of its own, such as `/var/run/secrets/tokens`."

    BT063 Warning SystemVariable "variable of shells and loaders"
        "Shells, the dynamic loader or clients of the API server read the variable, and would take the path of the \
         token for its value."
        "Use a name of its own, such as `VAULT_TOKEN_FILE`."

    BT064 Warning NoHolder "token for no container"
        "The container list leaves out every container of the Pod, so no container gets the token."
        "Correct the list. If the Pod needs no token, use mode `disable`."
        }
    };
}
pub(super) use pod_rows;
