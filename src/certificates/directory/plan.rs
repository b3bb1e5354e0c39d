//! Decides what becomes of the certificates in a directory. Pure: no file, no clock.

use time::OffsetDateTime;

use super::super::Facts;

/// What is there, as far as it can be used at all.
#[derive(Clone, Debug, Default)]
pub struct Found {
    /// An authority whose key is there too.
    pub authority: Option<Facts>,
    /// A serving certificate whose key is there too, signed by that authority.
    pub leaf: Option<Facts>,
}

/// What to do about it.
#[derive(Clone, Copy, Debug, Eq, PartialEq)]
pub enum Action {
    /// Make a new authority and a serving certificate under it.
    NewAuthority,
    /// Make a new serving certificate under the authority that is there.
    RenewLeaf,
    /// Serve what is there.
    Reuse,
}

/// Decides. A living authority always stays: its certificate is in the hands of clients.
pub fn plan(found: &Found, names: &[String], now: OffsetDateTime) -> Action {
    let signs = |facts: &Facts| facts.is_authority && facts.is_valid(now);
    if !found.authority.as_ref().is_some_and(signs) {
        return Action::NewAuthority;
    }
    match &found.leaf {
        Some(leaf) if leaf.is_valid(now) && !leaf.is_due(now) && leaf.covers(names) => Action::Reuse,
        _ => Action::RenewLeaf,
    }
}

#[cfg(test)]
mod tests {
    use time::Duration;

    use super::*;

    const NOW: OffsetDateTime = OffsetDateTime::UNIX_EPOCH.saturating_add(Duration::days(20_000));

    fn facts(from: i64, to: i64, is_authority: bool) -> Facts {
        Facts {
            not_before: NOW + Duration::days(from),
            not_after: NOW + Duration::days(to),
            names: vec!["localhost".to_owned(), "Webhook.Example".to_owned()],
            is_authority,
        }
    }

    fn decide(authority: Option<Facts>, leaf: Option<Facts>, names: &[&str]) -> Action {
        let names: Vec<String> = names.iter().map(|name| (*name).to_owned()).collect();
        plan(&Found { authority, leaf }, &names, NOW)
    }

    #[test]
    fn the_authority_decides_first() {
        let leaf = || Some(facts(-1, 364, false));
        for (authority, expected) in [
            (None, Action::NewAuthority),
            (Some(facts(-20, 0, true)), Action::NewAuthority),
            (Some(facts(1, 20, true)), Action::NewAuthority),
            (Some(facts(-20, 20, false)), Action::NewAuthority),
            (Some(facts(-20, 1, true)), Action::Reuse),
        ] {
            assert_eq!(decide(authority.clone(), leaf(), &["localhost"]), expected, "{authority:?}");
        }
    }

    #[test]
    fn a_leaf_is_renewed_when_a_third_of_its_life_is_left() {
        let authority = || Some(facts(-20, 2000, true));
        for (leaf, expected) in [
            (None, Action::RenewLeaf),
            (Some(facts(-20, 0, false)), Action::RenewLeaf),
            (Some(facts(1, 300, false)), Action::RenewLeaf),
            (Some(facts(-200, 99, false)), Action::RenewLeaf),
            (Some(facts(-200, 100, false)), Action::Reuse),
        ] {
            assert_eq!(decide(authority(), leaf.clone(), &["localhost"]), expected, "{leaf:?}");
        }
    }

    #[test]
    fn a_new_name_renews_the_leaf() {
        let found = || (Some(facts(-20, 2000, true)), Some(facts(-1, 364, false)));
        let with = |names: &[&str]| decide(found().0, found().1, names);
        assert_eq!(with(&["localhost", "webhook.example"]), Action::Reuse);
        assert_eq!(with(&["localhost", "other.example"]), Action::RenewLeaf);
    }
}
