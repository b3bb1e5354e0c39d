//! The `kind` and `apiVersion` that make a map a Kubernetes object.

/// Error text for a document that is not a Kubernetes object.
pub const EXPECTED: &str = "expected a map with apiVersion and kind";

/// The type of an object.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub struct TypeMeta<'a> {
    /// `kind`.
    pub kind: &'a str,
    /// `apiVersion`.
    pub api_version: &'a str,
}

impl<'a> TypeMeta<'a> {
    /// Returns the type of an object from its own fields, or, for an item, from the typed `list` that
    /// contains it.
    ///
    /// # Errors
    /// When a field is missing; the error says which.
    pub fn new(
        kind: Option<&'a str>,
        api_version: Option<&'a str>,
        list: Option<Self>,
    ) -> Result<Self, &'static str> {
        let given = |text: Option<&'a str>| text.filter(|text| !text.is_empty());
        let (kind, api_version) = match (given(kind), list.and_then(Self::of_items)) {
            (None, Some(implied)) => return Ok(implied),
            (kind, _) => (kind, given(api_version)),
        };
        let kind = kind.ok_or("it has no kind")?;
        let api_version = api_version.ok_or("it has no apiVersion")?;
        Ok(Self { kind, api_version })
    }

    /// The group; empty for the core group.
    pub fn group(self) -> &'a str {
        self.api_version.split_once('/').map_or("", |(group, _)| group)
    }

    /// Whether this is the type of a list.
    pub fn is_list(self) -> bool {
        self.kind.ends_with("List")
    }

    /// The type of the items of a typed list that do not state it: the API server omits it (`decodeToList` in
    /// `apimachinery/pkg/apis/meta/v1/unstructured/helpers.go`).
    fn of_items(self) -> Option<Self> {
        let kind = self.kind.strip_suffix("List").filter(|kind| !kind.is_empty())?;
        Some(Self { kind, ..self })
    }
}
