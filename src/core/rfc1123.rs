//! Names of Kubernetes objects (RFC 1123).

/// Longest label, in bytes: the name of a Namespace or a container.
pub const MAX_LABEL: usize = 63;

/// Longest subdomain, in bytes: the name of most other objects.
pub const MAX_SUBDOMAIN: usize = 253;

/// Longest key of an annotation or a label, in bytes: a subdomain, a slash and a name.
pub const MAX_KEY: usize = MAX_SUBDOMAIN + 1 + 63;

/// Whether a text is a valid label: lowercase letters, digits and inner hyphens.
pub fn is_label(text: &str) -> bool {
    let is_allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
    (1..=MAX_LABEL).contains(&text.len())
        && text.bytes().all(is_allowed)
        && !text.starts_with('-')
        && !text.ends_with('-')
}
