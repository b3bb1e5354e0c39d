//! Finds the word that somebody probably meant.

/// Longest text that is compared: no known word is longer, and whoever creates a Pod chooses its
/// names before anybody checks them.
const MAX_CHARS: usize = 64;

/// The candidate with the fewest edits from `text`, if they are few enough to be a slip.
pub fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let text: Vec<char> = text.chars().take(MAX_CHARS + 1).flat_map(char::to_lowercase).collect();
    if text.len() > MAX_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_CHARS)
        .map(|candidate| (distance(&text, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(text.len()) / 4)
        .map(|(_, candidate)| candidate)
}

/// Levenshtein distance, by the two-row method.
fn distance(text: &[char], candidate: &str) -> usize {
    let mut row: Vec<usize> = (0..=text.len()).collect();
    for (line, expected) in candidate.chars().enumerate() {
        let mut above_left = line;
        let mut left = line + 1;
        for (column, actual) in text.iter().enumerate() {
            let Some(above) = row.get(column + 1).copied() else { break };
            let substituted = above_left + usize::from(*actual != expected);
            let cell = substituted.min(left + 1).min(above + 1);
            if let Some(slot) = row.get_mut(column) {
                *slot = left;
            }
            (above_left, left) = (above, cell);
        }
        if let Some(slot) = row.last_mut() {
            *slot = left;
        }
    }
    row.last().copied().unwrap_or_default()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn distance_counts_insertions_deletions_and_substitutions() {
        let chars = |text: &str| text.chars().collect::<Vec<_>>();
        for (one, other, expected) in
            [("", "", 0), ("", "abc", 3), ("kitten", "sitting", 3), ("ttl", "tll", 1), ("mode", "mode", 0)]
        {
            assert_eq!(distance(&chars(one), other), expected, "{one} {other}");
            assert_eq!(distance(&chars(other), one), expected, "{other} {one}");
        }
    }

    #[test]
    fn a_slip_is_found_and_a_stranger_is_not() {
        let known = ["replace", "disable", "add", "off"];
        assert_eq!(nearest("repalce", known), Some("replace"));
        assert_eq!(nearest("Disabled", known), Some("disable"));
        assert_eq!(nearest("zzzzzz", known), None);
        assert_eq!(nearest(&"a".repeat(10_000), known), None);
        assert_eq!(nearest(&"a".repeat(64), [&*"a".repeat(65)]), None);
    }
}
