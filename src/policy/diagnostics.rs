//! The table of diagnostic codes, from which messages, `explain` and the reference page derive.

use std::fmt;

use crate::pod::token::ttl_range;

/// The consequence of a diagnostic.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Severity {
    /// Refused with 403 `Forbidden`: a guardrail of the Namespace.
    Forbidden,
    /// Refused with 422 `Invalid`: an invalid setting.
    Invalid,
    /// Refused with 400 `BadRequest` before any webhook is called; `preview` reports it.
    Malformed,
    /// Allowed, with a warning.
    Warning,
    /// A note of `preview` about an assumption or a limit of its own.
    Note,
    /// `preview` cannot say what admission would do.
    Error,
}

impl Severity {
    /// Every severity, in the order of the reference page.
    pub const ALL: [Self; 6] =
        [Self::Invalid, Self::Forbidden, Self::Malformed, Self::Warning, Self::Error, Self::Note];

    /// A heading for the diagnostics of this severity.
    pub fn heading(self) -> &'static str {
        match self {
            Self::Forbidden => "Guardrails: refused with 403 Forbidden",
            Self::Invalid => "Invalid settings: refused with 422 Invalid",
            Self::Malformed => "Malformed manifests: refused with 400 BadRequest, without the webhook",
            Self::Warning => "Warnings: allowed",
            Self::Note => "Notes of preview",
            Self::Error => "Errors of preview: no result",
        }
    }
}

/// The explanation of a code.
#[derive(Debug)]
pub struct Diagnostic {
    /// The code.
    pub code: Code,
    /// The code as users see it, such as `BT001`.
    pub name: &'static str,
    /// The consequence.
    pub severity: Severity,
    /// A short description of the problem.
    pub title: &'static str,
    /// The meaning in full sentences.
    pub meaning: &'static str,
    /// How to fix the problem.
    pub remedy: &'static str,
}

/// Generates the enum and the table of codes from one row per code:
/// `NAME Severity Code "title" "meaning" "remedy"`. A meaning that is not a literal is in parentheses.
macro_rules! codes {
    ($($name:ident $severity:ident $code:ident $title:literal $meaning:tt $remedy:literal)*) => {
        /// A stable diagnostic code: it never changes its meaning.
        #[derive(Clone, Copy, Debug, Eq, Hash, Ord, PartialEq, PartialOrd)]
        pub enum Code {
            $(#[doc = concat!(stringify!($name), ": ", $title, ".")] $code,)*
        }

        impl Code {
            /// Every code, in order.
            const ALL: &[Self] = &[$(Self::$code),*];

            /// The explanation of the code.
            pub fn diagnostic(self) -> &'static Diagnostic {
                match self {
                    $(Self::$code => &Diagnostic {
                        code: Self::$code,
                        name: stringify!($name),
                        severity: Severity::$severity,
                        title: $title,
                        meaning: $meaning,
                        remedy: $remedy,
                    },)*
                }
            }
        }
    };
}

// Invalid settings from BT001, guardrails from BT030, warnings from BT050, findings of `preview` from BT070.
codes! {
    BT001 Invalid Mode "unknown mode"
        "The value of `mode` is not one of the modes."
        "Use one of the modes that `boundtoken explain mode` lists, in lower case."

    BT002 Invalid Audience "invalid audience"
        "An audience has at most 1024 bytes and no control characters."
        "Write one audience, exactly as its recipient expects it. List further audiences in `tokens`."

    BT003 Invalid Duration "invalid duration"
        "A lifetime is a number of whole seconds (`7200`) or a duration in hours, minutes and seconds (`2h`, `90m`, \
         `1h30m`). Days, fractions, signs and spaces are not supported."
        "Write the lifetime in seconds or hours: a day is `24h`. In YAML, put a plain number in quotes."

    BT004 Invalid Range "lifetime out of range"
        (concat!("The Kubernetes API accepts lifetimes from ", ttl_range!(), "."))
        "Choose a lifetime in that range. boundtoken does not round."

    BT005 Invalid YearLong "lifetime that may become a year"
        "The API server extends a token for its own audiences that asks for exactly 3607 s to up to a year, for \
         compatibility with old clients (`--service-account-extend-token-expiration`). boundtoken may not know each of \
         these audiences, so it refuses this lifetime for every audience."
        "Use `3600` or `1h`."

    BT006 Invalid Path "invalid path"
        "`path` must be the absolute path of the token file. Its directory becomes a mount point, so the file cannot \
         be in the root directory, and the path cannot end with a slash. The Kubernetes API does not accept `..` or \
         `:`. A path has at most 4096 bytes, and each segment at most 255."
        "Use a path such as `/var/run/secrets/tokens/vault-token`."

    BT007 Invalid Containers "invalid container list"
        "A container list consists of container names, separated by commas. A name has at most 63 characters: \
         lowercase letters, digits and hyphens."
        "Use a list such as `app,worker`. For no container, use mode `disable`; for every container, remove the key."

    BT008 Invalid BothLists "both container lists"
        "`containers` lists the containers that get the token, `skip-containers` those that do not. An object can \
         have only one of the two."
        "Remove one of the two."

    BT009 Invalid Env "invalid name of an environment variable"
        "Every release of Kubernetes accepts names of up to 255 letters, digits, `_`, `-` and `.` that do not start \
         with a digit."
        "Use a name such as `VAULT_TOKEN_FILE`."

    BT010 Invalid Tokens "invalid token list"
        "`tokens` is a YAML list of at most 16 items. Each item has a `path` and may have `audience`, `ttl`, \
         `containers` and `env`, with the same meanings as the keys of these names."
        "Use a list such as `[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault}]`."

    BT011 Invalid Conflict "conflicting tokens"
        "Tokens in one directory share a volume, so they need different file names and the same containers. A \
         directory cannot be mounted inside another token directory, which is read-only. In one container, a \
         variable can hold only one path."
        "Give one of the tokens another directory, file name or variable."

    BT012 Invalid DefaultDirectory "token in the default token's directory"
        "The volume of the default token is already mounted there, read-only."
        "Choose another directory, or a mode that removes the default token: `disable`, or `replace` with `path`."

    BT013 Invalid Switch "unknown word"
        "`pod-overrides` must be `allow` or `deny`, and `dry-run` must be `true` or `false`."
        "Use one of the two words."

    BT014 Invalid AllowedAudiences "invalid audience list"
        "`allowed-audiences` consists of one or more audiences, separated by commas."
        "Use a list such as `vault,sts.amazonaws.com`. To allow only the API server, list its own audience, such as \
         `https://kubernetes.default.svc`."

    BT015 Invalid AboveMaximum "ttl above max-ttl of the same Namespace"
        "Every Pod of the Namespace would be refused."
        "Lower `ttl` or raise `max-ttl`."

    BT016 Invalid VolumeTaken "volume name taken"
        "boundtoken names its volumes `boundtoken`, `boundtoken-2` and so on. The Pod already has a volume with such \
         a name that holds no service account token."
        "Rename the volume in the Pod."

    BT017 Invalid TooLarge "too many volumes or mounts"
        "A patch of more than 10000 operations, or of more than 1 MiB, would occupy the API server for seconds."
        "Create a Pod with fewer volumes and mounts."

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
         Pod or its service account sets `automountServiceAccountToken: false`."
        "Remove the setting, or use mode `add`, which needs no default token."

    BT053 Warning UnknownContainer "unknown container"
        "A container list names a container that the Pod does not have, at least not yet: another webhook may still \
         add it."
        "Correct the name."

    BT054 Warning MountTaken "mount path taken"
        "The container mounts something else at the directory of the token. It keeps that mount and gets no token."
        "Choose another `path`, or exclude the container with `skip-containers`."

    BT055 Warning EnvTaken "variable already set"
        "The container sets the variable to another value, which it keeps."
        "Choose another name for `env`, or remove the variable from the container."

    BT056 Warning SubPath "token mounted with subPath"
        "The kubelet never refreshes a file that is mounted with `subPath`, so the token in it expires."
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
         another object do not reach its Pods, so they have no effect."
        "Move the annotation to the metadata of the Pod template, or to the Namespace."

    BT074 Note UnknownKind "kind that preview does not know"
        "The object has a Pod template, but its kind is not one of Kubernetes itself. `preview` assumes that Pods are \
         created from the template as it is written, in the Namespace of the object; the controller of the kind may \
         change them first. The webhook handles Pods of every kind of workload."
        "To see the exact effect, preview a Pod that the controller created."

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
}

/// The page with the explanation of every code.
const PAGE: &str = "https://boundtoken.dev/docs/diagnostics";

/// The explanation of every code, in order.
pub fn all() -> impl Iterator<Item = &'static Diagnostic> + Clone {
    Code::ALL.iter().map(|code| code.diagnostic())
}

impl Code {
    /// The code as users see it, such as `BT001`.
    pub fn name(self) -> &'static str {
        self.diagnostic().name
    }

    /// The consequence.
    pub fn severity(self) -> Severity {
        self.diagnostic().severity
    }

    /// The URL of the explanation of the code.
    pub fn help_url(self) -> String {
        format!("{PAGE}#{}", self.name().to_lowercase())
    }
}

impl fmt::Display for Code {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(self.name())
    }
}
