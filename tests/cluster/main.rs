//! Tests against a real API server: the Pods that it stores, its refusals, its warnings and its audit log.
//!
//! `cargo test --test cluster` starts the control plane once, runs all tests concurrently, and stops it. Each
//! test has its own Namespaces and its own webhook ([`support::test_install`]).

#![allow(
    clippy::unwrap_used,
    clippy::expect_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::unwrap_in_result,
    reason = "a test fails by panicking"
)]

mod api_proxy;
mod audit;
mod audit_log;
mod audit_rights;
mod audit_use;
mod chart;
mod check;
mod client_ca;
mod decoder;
mod edge;
mod emergency;
mod examples;
mod gitops;
mod guard;
mod guard_install;
mod guard_namespaces;
mod issued;
mod load;
mod manifests;
mod modes;
mod monitoring_install;
mod new_keys;
mod other_webhook;
mod outage;
mod owners;
mod pages;
mod partial_disable;
mod pods;
mod predict;
mod race;
mod reinvocation;
mod rights;
mod shop;
mod stale;
#[path = "../support/mod.rs"]
mod support;
mod texts;
mod watched;

use std::fs::File;
use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use libtest_mimic::{Arguments, Conclusion};
use serde_json::Value;
use tokio::runtime::Runtime;

use crate::predict::audited;
use crate::support::control_plane::ControlPlane;
use crate::support::trials::{tests, without_start};

tests![
    NAMES, trials(ControlPlane):
    audit::a_stale_token,
    audit::each_class_of_token,
    audit::legacy_tokens,
    audit::two_replica_sets_that_differ,
    audit::workloads_of_each_kind,
    audit_log::annotations,
    audit_log::dry_run,
    audit_rights::metadata_only,
    audit_rights::the_printed_rights,
    audit_use::each_state_and_verdict,
    audit_use::verdicts_after_the_label,
    audited::manifests,
    audited::reviews,
    api_proxy::an_effect_before_its_answer,
    api_proxy::late_events_in_order,
    api_proxy::refused_for_a_time,
    chart::every_field_is_known,
    chart::it_equals_the_manifests,
    chart::it_passes_lint,
    chart::unknown_values_are_refused,
    chart::values_that_depend_on_others,
    check::a_mutating_policy_of_each_version,
    check::each_fault_is_found_and_mended,
    check::users_with_few_rights,
    client_ca::only_an_api_server_with_a_certificate_is_served,
    decoder::manifests_in_use,
    edge::a_dry_run,
    edge::a_legacy_secret,
    edge::a_mirror_pod,
    edge::a_pod_made_again_from_its_yaml,
    edge::an_ephemeral_container,
    edge::automount_of_the_service_account,
    edge::tokens_that_the_user_projects,
    emergency::the_guard_is_opened_and_closed,
    emergency::one_pod_while_the_webhook_is_down,
    emergency::the_card_works_while_the_webhook_is_down,
    emergency::pods_created_during_a_pause_keep_their_token,
    examples::pods_hold_what_the_comments_say,
    examples::terraform_creates_a_namespace_after_the_chart,
    examples::the_label_alone_is_accepted,
    gitops::applying_again_keeps_the_ca_bundle,
    gitops::every_field_is_known,
    guard::a_webhook_that_overrules_boundtoken,
    guard::an_opened_webhook,
    guard::each_form_of_a_year_long_token_is_refused,
    guard::expressions_have_no_type_warnings,
    guard::large_pods_are_within_the_cost_limit,
    guard::pods_of_workloads_are_refused,
    guard::settings_are_respected,
    guard::the_trial_warns,
    guard_install::a_trial_becomes_the_guard,
    guard_install::applied_and_removed_in_any_order,
    monitoring_install::applied_and_removed_in_any_order,
    guard_namespaces::only_authorized_users_change_settings,
    partial_disable::removal_and_field_leave_no_token,
    partial_disable::removal_alone_leaves_the_token,
    partial_disable::the_field_alone_leaves_the_token,
    race::a_miss_treated_as_no_settings_is_caught,
    race::a_pod_right_after_its_namespace,
    issued::replace_keeps_the_rest_of_the_volume,
    issued::tokens_live_as_long_as_asked_for,
    load::two_thousand_pods,
    manifests::every_field_is_known_and_allowed,
    manifests::install_is_rendered_from_the_base,
    manifests::rights_of_the_service_account,
    modes::every_mode_for_every_owner,
    modes::lists_of_containers,
    new_keys::as_the_pages_ask_for_them,
    outage::a_webhook_that_is_down,
    outage::unavailable_settings_are_retried,
    owners::refused_replicas,
    pages::a_namespace_is_rolled_out,
    pages::the_previews_of_the_readme,
    pages::where_a_refusal_shows,
    predict::pods_of_many_shapes,
    predict::generated_pods,
    predict::manifests,
    predict::reviews,
    reinvocation::a_container_appended_after_us,
    reinvocation::a_container_appended_before_us,
    reinvocation::a_volume_appended_after_us,
    reinvocation::a_volume_appended_before_us,
    rights::all_are_enough,
    rights::each_is_needed,
    stale::a_token_that_is_used_too_long,
    texts::dry_run_of_the_namespace,
    texts::dry_run_of_the_server,
    texts::every_code_has_a_text,
    texts::guardrails,
    texts::mistakes_on_namespaces,
    texts::mistakes_on_pods,
    texts::more_than_are_listed,
    texts::namespaces_are_judged,
    texts::several_at_once,
    texts::several_pods,
    texts::warnings,
    texts::warnings_as_errors,
    watched::a_long_list,
    watched::a_namespace_that_changes,
    watched::a_namespace_with_a_mistake,
    watched::settings_that_change_all_the_time,
];

fn main() -> ExitCode {
    let mut arguments = Arguments::from_args();
    // The tests wait for the API server more than they compute.
    arguments.test_threads.get_or_insert(8);
    if let Some(code) = without_start(&arguments, &[NAMES]) {
        return code;
    }
    let runtime = Runtime::new().unwrap();
    match runtime.block_on(ControlPlane::start()) {
        Ok(plane) => run(&runtime, &arguments, plane).exit_code(),
        Err(code) => code,
    }
}

fn run(runtime: &Runtime, arguments: &Arguments, plane: ControlPlane) -> Conclusion {
    let plane = Arc::new(plane);
    runtime.spawn(Arc::clone(&plane).stop_on_signal());
    let conclusion = libtest_mimic::run(arguments, trials(runtime, &plane));
    let writes = audit_rights::writes(&plane);
    report(&plane, &conclusion);
    plane.stop();
    assert!(writes.is_empty(), "`audit` only reads: {writes:#?}");
    conclusion
}

/// Prints a row of the table of `versions.sh`, which names its file.
fn report(plane: &ControlPlane, conclusion: &Conclusion) {
    let versions = plane.kubectl(&["version", "--output=json"], "").stdout;
    let versions: Value = serde_json::from_slice(&versions).unwrap();
    let of = |part: &str| versions[part]["gitVersion"].as_str().unwrap().to_owned();
    let (server, kubectl) = (of("serverVersion"), of("clientVersion"));
    let Conclusion { num_passed, num_failed, num_ignored, .. } = conclusion;
    let result = format!("{num_passed} passed, {num_failed} failed, {num_ignored} left out");
    println!("Kubernetes {server}, kubectl {kubectl}: {result}");
    if let Some(file) = std::env::var_os("BOUNDTOKEN_RESULTS") {
        let mut file = File::options().append(true).open(file).unwrap();
        writeln!(file, "{server:<12} {kubectl:<10} {result}").unwrap();
    }
}
