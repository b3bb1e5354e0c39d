//! The violations in the spec that results from a patch.

use crate::pod::PodPatch;

use super::compile::Compiled;
use super::diagnostics::Code;
use super::namespace::NamespaceSettings;
use super::origin::Origin;
use super::value_error::quote;
use super::violation::{Field, Violation};

/// The violations in the resulting spec.
pub(super) fn spec_violations(
    patch: &PodPatch<'_>,
    compiled: &Compiled,
    namespace: &NamespaceSettings,
) -> Vec<Violation> {
    let of_volumes = |code, text| Violation::new(code, Field::Volumes, Origin::Pod, text);
    let taken = |name: &String| {
        let text = format!(
            "{} in the Pod is not the volume that boundtoken adds under this name: rename that volume",
            quote(name)
        );
        of_volumes(Code::VolumeTaken, text)
    };
    let mut violations: Vec<Violation> = patch.taken_volumes.iter().map(taken).collect();
    if patch.operations.is_none() {
        let text = "the Pod would need more than 10000 changes, or more than 1 MiB of them".to_owned();
        violations.push(of_volumes(Code::TooLarge, text));
    }
    violations.extend(namespace.check(&patch.projections, compiled));
    violations
}
