//! Paths in containers: their normalised form, and how they compare on Linux and on Windows.
//!
//! Purely lexical: symlinks in the image are unknown at admission.

use std::borrow::Cow;

/// The operating system of a Pod's containers.
#[derive(Clone, Copy, Debug, Default, Eq, PartialEq)]
pub enum PodOs {
    /// Linux, unless the Pod says otherwise.
    #[default]
    Linux,
    /// Windows: paths are compared without case, and `C:\t` is `/t`.
    Windows,
}

impl PodOs {
    /// A path in the form in which it is compared: absolute, with `/` as the separator, without repeated or
    /// trailing separators and without `.` and `..` segments; on Windows without the drive `C:` and in lower case.
    pub fn folded(self, path: &str) -> Cow<'_, str> {
        match self {
            Self::Windows if is_of_windows(path) => {
                Cow::Owned(normalised(&with_slashes(path).to_ascii_lowercase()))
            }
            _ if is_untidy(path) => Cow::Owned(normalised(path)),
            _ => Cow::Borrowed(path),
        }
    }

    /// Whether a path is this folded directory.
    pub fn is_at(self, path: &str, directory: &str) -> bool {
        // Folding adds at most the slash that a relative path lacks.
        path.len() + 1 >= directory.len() && (path == directory || self.folded(path) == directory)
    }

    /// Whether a path has no `/` at its start. The container runtime mounts it below the root directory, but the
    /// kubelet does not see that it is inside another mount.
    pub fn is_relative(self, path: &str) -> bool {
        self == Self::Linux && !path.starts_with('/')
    }

    /// A normalised path as programs in the container read it: on Windows `C:\t\token` for `/t/token`.
    pub fn native(self, path: &str) -> Cow<'_, str> {
        match self {
            Self::Linux => Cow::Borrowed(path),
            Self::Windows => Cow::Owned(format!("C:{}", path.replace('/', "\\"))),
        }
    }

    /// Whether two environment variables are the same one.
    pub fn is_same_variable(self, one: &str, other: &str) -> bool {
        one == other || self == Self::Windows && one.eq_ignore_ascii_case(other)
    }
}

/// Whether a path may differ from its folded form on Windows.
fn is_of_windows(path: &str) -> bool {
    path.bytes().any(|byte| byte.is_ascii_uppercase() || byte == b'\\') || without_drive(path).is_some()
}

/// The rest of a path on the drive `C:`.
fn without_drive(path: &str) -> Option<&str> {
    let rest = path.strip_prefix(['c', 'C'])?.strip_prefix(':')?;
    rest.starts_with(['/', '\\']).then_some(rest)
}

/// A path of Windows with `/` as the separator and without the drive `C:`.
fn with_slashes(path: &str) -> String {
    without_drive(path).unwrap_or(path).replace('\\', "/")
}

/// An absolute path that is written as on Windows, with `/` as the separator: `/t/token` for `C:\t\token`,
/// `c:/t/token` or `\t\token`. `None` for any other path.
pub fn from_windows(path: &str) -> Option<String> {
    (without_drive(path).is_some() || path.starts_with('\\')).then(|| with_slashes(path))
}

/// A path without repeated or trailing slashes and without `.` and `..` segments.
///
/// The API accepts `..` in a mount path. The kubelet and container runtimes resolve it as here.
pub fn normalised(path: &str) -> String {
    // A relative path gets a slash.
    let mut clean = String::with_capacity(path.len() + 1);
    for segment in segments(path) {
        if segment == ".." {
            clean.truncate(clean.rfind('/').unwrap_or_default());
        } else {
            clean.push('/');
            clean.push_str(segment);
        }
    }
    clean
}

/// Whether a path may differ from its normalised form: it is relative, ends with a slash, or has a slash before another
/// one or a dot.
fn is_untidy(path: &str) -> bool {
    let untidy = |pair: &[u8]| matches!(pair, [b'/', b'/' | b'.']);
    !path.starts_with('/') || path.ends_with('/') || path.as_bytes().windows(2).any(untidy)
}

/// The first segment of a path below a directory, both normalised; `None` if the path is not below it.
pub fn first_below<'p>(path: &'p str, directory: &str) -> Option<&'p str> {
    path.strip_prefix(directory)?.strip_prefix('/')?.split('/').next()
}

/// The segments of a path, without empty ones and `.`.
pub fn segments(path: &str) -> impl Iterator<Item = &str> {
    path.split('/').filter(|segment| !matches!(*segment, "" | "."))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn paths_of_windows_are_compared_without_case_and_drive() {
        for path in [
            "/var/run/t",
            "C:/var/run/t",
            "c:\\Var\\Run\\T\\",
            "\\var\\run\\t",
            "/VAR//run/./t",
            "\\var\\x\\..\\run\\t",
            "C:\\var/run\\t",
        ] {
            assert!(PodOs::Windows.is_at(path, "/var/run/t"), "{path}");
            assert_eq!(PodOs::Windows.folded(path), "/var/run/t", "{path}");
        }
        for path in ["D:\\var\\run\\t", "C:var\\run\\t", "/var/run/t/x"] {
            assert!(!PodOs::Windows.is_at(path, "/var/run/t"), "{path}");
        }
        for path in ["C:/var/run/t", "/Var/run/t", "\\var\\run\\t"] {
            assert!(!PodOs::Linux.is_at(path, "/var/run/t"), "{path}");
        }
        assert!(PodOs::Linux.is_at("var//run/./t/", "/var/run/t"));
    }

    #[test]
    fn a_segment_is_taken_back_by_dots() {
        for (path, expected) in [
            ("/a/../b", "/b"),
            ("/a/b/../../c/.", "/c"),
            ("/../a", "/a"),
            ("../../a/b/..", "/a"),
            ("/a/..", ""),
            ("/a/..b/c", "/a/..b/c"),
            ("/a/.../b", "/a/.../b"),
        ] {
            assert_eq!(PodOs::Linux.folded(path), expected, "{path}");
        }
    }

    #[test]
    fn a_folded_path_is_the_normalised_one() {
        let mut paths = vec![String::new()];
        for _ in 0..7 {
            paths =
                paths.iter().flat_map(|path| ["", "/", ".", "a"].map(|end| format!("{path}{end}"))).collect();
            paths.sort_unstable();
            paths.dedup();
        }
        let directories = ["", "/a", "/a/a", "/aaa", "/..a"];
        for path in &paths {
            let clean = normalised(path);
            assert_eq!(PodOs::Linux.folded(path), *clean, "{path}");
            for directory in directories {
                assert_eq!(PodOs::Linux.is_at(path, directory), clean == directory, "{path} {directory}");
            }
        }
    }

    #[test]
    fn a_path_is_shown_as_programs_read_it() {
        assert_eq!(PodOs::Windows.native("/var/run/t/token"), "C:\\var\\run\\t\\token");
        assert_eq!(PodOs::Linux.native("/var/run/t/token"), "/var/run/t/token");
        assert_eq!(from_windows("C:\\t\\token").as_deref(), Some("/t/token"));
        assert_eq!(from_windows("c:/t/token").as_deref(), Some("/t/token"));
        assert_eq!(from_windows("\\t\\token").as_deref(), Some("/t/token"));
        for path in ["/t/a\\b", "D:\\t\\token", "C:token", "C:", ""] {
            assert_eq!(from_windows(path), None, "{path}");
        }
    }

    #[test]
    fn the_first_segment_below_a_directory_is_found() {
        assert_eq!(first_below("/t/a/b", "/t"), Some("a"));
        assert_eq!(first_below("/t/a", ""), Some("t"));
        for (path, directory) in [("/t", "/t"), ("/tx/a", "/t"), ("/u", "/t"), ("/t", "/t/a")] {
            assert_eq!(first_below(path, directory), None, "{path} {directory}");
        }
    }
}
