//! What the container lists of a plan say about a name, looked up in one go.
//!
//! A Pod may have any number of containers, and up to 17 lists have a hundred names each.

use super::finding::Subject;
use super::plan::{DefaultToken, Plan};
use super::token::Containers;

/// The names of all lists, sorted.
#[derive(Debug)]
pub(super) struct Lists<'p>(Vec<(&'p str, Subject)>);

/// The lists that name one container, sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct Naming<'l>(&'l [(&'l str, Subject)]);

impl<'p> Lists<'p> {
    pub(super) fn of(plan: Option<&'p Plan>) -> Self {
        let lists = plan.into_iter().flat_map(lists);
        let mut names: Vec<(&str, _)> = lists
            .flat_map(|(subject, list)| list.names().iter().map(move |name| (&**name, subject)))
            .collect();
        names.sort_unstable();
        Self(names)
    }

    pub(super) fn naming(&self, container: &str) -> Naming<'_> {
        let start = self.0.partition_point(|(name, _)| *name < container);
        let rest = self.0.get(start..).unwrap_or_default();
        let end = rest.partition_point(|(name, _)| *name == container);
        Naming(rest.get(..end).unwrap_or_default())
    }
}

impl Naming<'_> {
    /// Whether the list of this subject includes the container.
    pub(super) fn include(self, list: &Containers, subject: Subject) -> bool {
        let named = self.0.binary_search_by_key(&subject, |(_, subject)| *subject).is_ok();
        match list {
            Containers::All => true,
            Containers::Except(_) => !named,
            Containers::Only(_) => named,
        }
    }
}

/// Every list of a plan.
pub(super) fn lists(plan: &Plan) -> impl Iterator<Item = (Subject, &Containers)> {
    let default = match &plan.default_token {
        DefaultToken::Rebind { containers, .. } => Some((Subject::DefaultToken, containers)),
        DefaultToken::Bound | DefaultToken::Remove => None,
    };
    let volumes = plan.volumes.iter().enumerate();
    default.into_iter().chain(volumes.map(|(index, volume)| (Subject::Volume(index), &volume.containers)))
}

/// Whether a list includes one of these containers; `there` is
/// sorted and has each name once.
pub(super) fn includes_any(list: &Containers, there: &[&str]) -> bool {
    let mut named: Vec<&str> = list.names().iter().map(|name| &**name).collect();
    named.sort_unstable();
    named.dedup();
    named.retain(|name| there.binary_search(name).is_ok());
    match list {
        Containers::All => !there.is_empty(),
        Containers::Except(_) => named.len() < there.len(),
        Containers::Only(_) => !named.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_container_is_included_as_each_list_says() {
        let (one, other) = (Subject::Volume(0), Subject::Volume(1));
        let lists = Lists(vec![("a", one), ("b", one), ("b", other)]);
        let (only, except) = (Containers::Only([].into()), Containers::Except([].into()));
        for (container, in_one, in_other) in
            [("", false, false), ("a", true, false), ("b", true, true), ("c", false, false)]
        {
            for (subject, named) in [(one, in_one), (other, in_other), (Subject::DefaultToken, false)] {
                let naming = lists.naming(container);
                assert_eq!(naming.include(&only, subject), named, "{container}");
                assert_eq!(naming.include(&except, subject), !named, "{container}");
                assert!(naming.include(&Containers::All, subject));
            }
        }
    }

    #[test]
    fn a_list_that_includes_nobody_is_told_from_others() {
        let names = ["a".into(), "a".into(), "b".into()];
        let (only, except) = (Containers::Only(names.clone().into()), Containers::Except(names.into()));
        assert!(includes_any(&only, &["b", "x"]) && !includes_any(&only, &["x"]));
        assert!(includes_any(&except, &["a", "x"]) && !includes_any(&except, &["a", "b"]));
        assert!(includes_any(&Containers::All, &["x"]));
    }
}
