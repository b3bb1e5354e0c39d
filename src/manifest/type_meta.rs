//! `kind` and `apiVersion`: what makes a map a Kubernetes object.

/// What a document has to be.
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
    /// The type of an object that says this of itself and may be an item of a list.
    ///
    /// # Errors
    /// What is missing.
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

    /// What items of a typed list are that do not say it themselves: the API server leaves it out
    /// (`decodeToList` in `apimachinery/pkg/apis/meta/v1/unstructured/helpers.go`).
    fn of_items(self) -> Option<Self> {
        let kind = self.kind.strip_suffix("List").filter(|kind| !kind.is_empty())?;
        Some(Self { kind, ..self })
    }
}
