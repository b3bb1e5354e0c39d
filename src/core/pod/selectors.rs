//! The container lists of a plan, indexed by container name.
//!
//! A Pod may have any number of containers, and a plan up to 17 lists of a hundred names each.

use super::finding::Subject;
use super::plan::{DefaultToken, Plan};
use super::token::Containers;

/// Every name in every list, sorted.
#[derive(Debug)]
pub(super) struct ContainerSelectors<'p>(Vec<(&'p str, Subject)>);

/// The lists that name one container, sorted.
#[derive(Clone, Copy, Debug)]
pub(super) struct MatchingSelectors<'l>(&'l [(&'l str, Subject)]);

impl<'p> ContainerSelectors<'p> {
    pub(super) fn new(plan: Option<&'p Plan>) -> Self {
        let selectors = plan.into_iter().flat_map(selectors);
        let mut names: Vec<(&str, _)> = selectors
            .flat_map(|(subject, list)| list.names().iter().map(move |name| (&**name, subject)))
            .collect();
        names.sort_unstable();
        Self(names)
    }

    /// The lists that name a container.
    pub(super) fn matching(&self, container: &str) -> MatchingSelectors<'_> {
        let start = self.0.partition_point(|(name, _)| *name < container);
        let rest = self.0.get(start..).unwrap_or_default();
        let end = rest.partition_point(|(name, _)| *name == container);
        MatchingSelectors(rest.get(..end).unwrap_or_default())
    }
}

impl MatchingSelectors<'_> {
    /// Whether the list of a subject selects the container.
    pub(super) fn select(self, list: &Containers, subject: Subject) -> bool {
        let named = self.0.binary_search_by_key(&subject, |(_, subject)| *subject).is_ok();
        match list {
            Containers::All => true,
            Containers::Except(_) => !named,
            Containers::Only(_) => named,
        }
    }
}

/// Every container list of a plan.
pub(super) fn selectors(plan: &Plan) -> impl Iterator<Item = (Subject, &Containers)> {
    let default = match &plan.default_token {
        DefaultToken::Replace { containers, .. } => Some((Subject::DefaultToken, containers)),
        DefaultToken::Cap | DefaultToken::Remove => None,
    };
    let volumes = plan.volumes.iter().enumerate();
    default.into_iter().chain(volumes.map(|(index, volume)| (Subject::Volume(index), &volume.containers)))
}

/// Whether a list selects one of these containers, which are sorted and distinct.
pub(super) fn selects_any(list: &Containers, containers: &[&str]) -> bool {
    let mut named: Vec<&str> = list.names().iter().map(|name| &**name).collect();
    named.sort_unstable();
    named.dedup();
    named.retain(|name| containers.binary_search(name).is_ok());
    match list {
        Containers::All => !containers.is_empty(),
        Containers::Except(_) => named.len() < containers.len(),
        Containers::Only(_) => !named.is_empty(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_list_selects_its_containers() {
        let (one, other) = (Subject::Volume(0), Subject::Volume(1));
        let selectors = ContainerSelectors(vec![("a", one), ("b", one), ("b", other)]);
        let (only, except) = (Containers::Only([].into()), Containers::Except([].into()));
        for (container, in_one, in_other) in
            [("", false, false), ("a", true, false), ("b", true, true), ("c", false, false)]
        {
            for (subject, named) in [(one, in_one), (other, in_other), (Subject::DefaultToken, false)] {
                let matching = selectors.matching(container);
                assert_eq!(matching.select(&only, subject), named, "{container}");
                assert_eq!(matching.select(&except, subject), !named, "{container}");
                assert!(matching.select(&Containers::All, subject));
            }
        }
    }

    #[test]
    fn a_list_may_select_no_container_of_the_pod() {
        let names = ["a".into(), "a".into(), "b".into()];
        let (only, except) = (Containers::Only(names.clone().into()), Containers::Except(names.into()));
        assert!(selects_any(&only, &["b", "x"]) && !selects_any(&only, &["x"]));
        assert!(selects_any(&except, &["a", "x"]) && !selects_any(&except, &["a", "b"]));
        assert!(selects_any(&Containers::All, &["x"]));
    }
}
