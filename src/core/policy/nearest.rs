//! Finds the known word that is nearest to a misspelled one.

/// Longest text that is compared, in characters. Known words are shorter, and names in a Pod are unbounded
/// because nothing has validated them yet.
const MAX_CHARS: usize = 64;

/// The candidate with the fewest edits (insertions, deletions, substitutions, transpositions), ignoring
/// the case of `text`. `None` if it needs more than one edit and one more per four characters.
pub fn nearest<'c>(text: &str, candidates: impl IntoIterator<Item = &'c str>) -> Option<&'c str> {
    let text: String = text.chars().take(MAX_CHARS + 1).flat_map(char::to_lowercase).collect();
    let length = text.chars().count();
    if length > MAX_CHARS {
        return None;
    }
    candidates
        .into_iter()
        .filter(|candidate| candidate.len() <= MAX_CHARS)
        .map(|candidate| (strsim::osa_distance(&text, candidate), candidate))
        .min_by_key(|(distance, _)| *distance)
        .filter(|(distance, candidate)| *distance <= 1 + candidate.chars().count().min(length) / 4)
        .map(|(_, candidate)| candidate)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_likely_misspelling_has_a_nearest_word() {
        let known = ["replace", "disable", "add", "off"];
        assert_eq!(nearest("repalce", known), Some("replace"));
        assert_eq!(nearest("Disabled", known), Some("disable"));
        assert_eq!(nearest("dad", known), Some("add"));
        assert_eq!(nearest("zzzzzz", known), None);
        assert_eq!(nearest(&"a".repeat(10_000), known), None);
        assert_eq!(nearest(&"a".repeat(64), [&*"a".repeat(65)]), None);
    }
}
