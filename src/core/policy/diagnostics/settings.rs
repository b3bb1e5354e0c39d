//! Invalid settings, from BT001.

/// Passes its rows, after those of earlier tables, to the next macro of the list.
macro_rules! setting_rows {
    ([$next:ident $($later:ident)*] $($rows:tt)*) => {
        $next! { [$($later)*] $($rows)*

    BT001 Invalid Mode "unknown mode"
        "The value of `mode` is not one of the modes."
        "Use one of the modes that `boundtoken explain mode` lists, in lower case."

    BT002 Invalid Audience "invalid audience"
        "An audience has at most 1024 bytes and no control characters. It has no comma either, because a token has \
         one audience."
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
         directory may be inside that of another token, but a path cannot be a file for one and a directory for the \
         other. In one container, a variable can hold only one path."
        "Give one of the tokens another directory, file name or variable."

    BT012 Invalid DefaultDirectory "token in the default token's directory"
        "The volume of the default token is already mounted there, or the path of one is a file where the other needs \
         a directory."
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
         a name that is not exactly the one that boundtoken would add. It stays as it is, so that no container gets a \
         token through a mount of its own."
        "Rename the volume in the Pod."

    BT017 Invalid TooLarge "too many volumes or mounts"
        "A patch of more than 10000 operations, or of more than 1 MiB, would occupy the API server for seconds."
        "Create a Pod with fewer volumes and mounts."
        }
    };
}
pub(super) use setting_rows;
