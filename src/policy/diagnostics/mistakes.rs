//! Mistakes: settings that cannot hold, from BT001.

use super::{Code, Diagnostic, Severity::Invalid, diagnostic};

/// Every mistake, in order.
pub(super) const MISTAKES: &[Diagnostic] = &[
    diagnostic(
        Code::Mode,
        "BT001",
        Invalid,
        [
            "unknown mode",
            "`mode` takes one of four words, in lower case.",
            "Write `replace`, `disable`, `add` or `off`.",
        ],
    ),
    diagnostic(
        Code::Audience,
        "BT002",
        Invalid,
        [
            "audience out of bounds",
            "An audience is at most 1024 bytes long and has no control characters.",
            "Write one audience, exactly as the receiver of the token calls itself. Further ones go into `tokens`.",
        ],
    ),
    diagnostic(
        Code::Duration,
        "BT003",
        Invalid,
        [
            "not a duration",
            "A lifetime is whole seconds (`7200`) or a duration of hours, minutes and seconds (`2h`, `90m`, `1h30m`). \
         There are no days, fractions, signs or spaces.",
            "Write the lifetime in seconds or hours: a day is `24h`. In YAML put a plain number in quotes.",
        ],
    ),
    diagnostic(
        Code::Range,
        "BT004",
        Invalid,
        [
            "lifetime out of range",
            "The API accepts lifetimes from 600 s (10 minutes) to 4294967296 s (2^32).",
            "Write a lifetime in that range. Nothing is rounded silently.",
        ],
    ),
    diagnostic(
        Code::YearLong,
        "BT005",
        Invalid,
        [
            "lifetime that becomes a year",
            "The API server extends a token for itself of exactly 3607 s to up to a year \
         (`--service-account-extend-token-expiration`), to be kind to old clients.",
            "Write `3600` or `1h`. For another audience 3607 s is allowed.",
        ],
    ),
    diagnostic(
        Code::Path,
        "BT006",
        Invalid,
        [
            "path out of bounds",
            "`path` is the absolute path of the token file: its directory is mounted, so the root directory and \
         a trailing slash cannot be. `..` and `:` are refused by the API; a path has at most 4096 bytes, \
         a segment at most 255.",
            "Write a path such as `/var/run/secrets/tokens/vault-token`.",
        ],
    ),
    diagnostic(
        Code::Containers,
        "BT007",
        Invalid,
        [
            "container list that cannot be read",
            "A container list is names separated by commas. A name has at most 63 lower case letters, digits and \
         hyphens.",
            "Write `app,worker`. For no container at all use mode `disable`; for all of them leave the key out.",
        ],
    ),
    diagnostic(
        Code::BothLists,
        "BT008",
        Invalid,
        [
            "both container lists",
            "`containers` says who holds the token, `skip-containers` who does not: on one object one of them decides.",
            "Keep one of the two.",
        ],
    ),
    diagnostic(
        Code::Env,
        "BT009",
        Invalid,
        [
            "not the name of an environment variable",
            "Every release of the API accepts letters, digits, `_`, `-` and `.`, at most 255, with no digit at the start.",
            "Write a name such as `VAULT_TOKEN_FILE`.",
        ],
    ),
    diagnostic(
        Code::Tokens,
        "BT010",
        Invalid,
        [
            "tokens that cannot be read",
            "`tokens` is a YAML list of at most 16 items. Each has `path` and may have `audience`, `ttl`, \
         `containers` and `env`, with the meanings of the keys of these names.",
            "Write `[{audience: vault, ttl: 2h, path: /var/run/secrets/tokens/vault}]`.",
        ],
    ),
    diagnostic(
        Code::Clash,
        "BT011",
        Invalid,
        [
            "tokens in each other's way",
            "Tokens in one directory share a volume: they need different file names and the same containers. \
         A directory cannot be mounted inside another one that is read-only. In one container a variable holds \
         one path.",
            "Give one of the tokens another directory, file name or variable.",
        ],
    ),
    diagnostic(
        Code::DefaultDirectory,
        "BT012",
        Invalid,
        [
            "token in the default token's directory",
            "The default token's volume is mounted there already, read-only.",
            "Choose another directory, or a mode that takes the default token away: `disable`, or `replace` with \
         `path`.",
        ],
    ),
    diagnostic(
        Code::Switch,
        "BT013",
        Invalid,
        [
            "unknown word",
            "`pod-overrides` takes `allow` or `deny`, `dry-run` takes `true` or `false`.",
            "Write one of the two words.",
        ],
    ),
    diagnostic(
        Code::AllowedAudiences,
        "BT014",
        Invalid,
        [
            "audience list that cannot be read",
            "`allowed-audiences` is audiences separated by commas, at least one.",
            "Write `vault,sts.amazonaws.com`. To allow the API server only, write its own audience, such as \
         `https://kubernetes.default.svc`.",
        ],
    ),
    diagnostic(
        Code::AboveMaximum,
        "BT015",
        Invalid,
        [
            "ttl above max-ttl of the same Namespace",
            "Every Pod of the Namespace would be refused.",
            "Lower `ttl` or raise `max-ttl`.",
        ],
    ),
    diagnostic(
        Code::VolumeTaken,
        "BT016",
        Invalid,
        [
            "volume name taken",
            "The volumes for tokens are named `boundtoken`, `boundtoken-2` and so on. The Pod has a volume of such \
         a name that holds no service account token.",
            "Rename the volume in the Pod.",
        ],
    ),
    diagnostic(
        Code::TooLarge,
        "BT017",
        Invalid,
        [
            "too many volumes or mounts",
            "A patch of more than 10000 operations, or of more than 1 MiB, would cost the API server seconds.",
            "Create a Pod with fewer volumes and mounts.",
        ],
    ),
];
