//! Tests by name, each with a clone of a value that all of them share.

use std::process::ExitCode;

use libtest_mimic::{Arguments, Trial};

/// Lists tests by name, and defines a function that makes a `Trial` of each; all get a clone of the shared
/// value.
macro_rules! tests {
    ($names:ident, $trials:ident($shared:ty): $($module:ident :: $test:ident),* $(,)?) => {
        const $names: &[&str] = &[$(concat!(stringify!($module), "::", stringify!($test))),*];

        fn $trials(
            runtime: &tokio::runtime::Runtime,
            shared: &std::sync::Arc<$shared>,
        ) -> Vec<libtest_mimic::Trial> {
            vec![$({
                let (handle, shared) = (runtime.handle().clone(), std::sync::Arc::clone(shared));
                libtest_mimic::Trial::test(concat!(stringify!($module), "::", stringify!($test)), move || {
                    handle.block_on($module::$test(shared));
                    Ok(())
                })
            }),*]
        }
    };
}
pub(crate) use tests;

/// Ends a run that needs no cluster: the tests are only listed, or none of them is chosen.
pub(crate) fn without_start(arguments: &Arguments, names: &[&[&str]]) -> Option<ExitCode> {
    let names = names.concat();
    if !arguments.list && names.iter().any(|name| is_chosen(arguments, name)) {
        return None;
    }
    let trials = names.into_iter().map(|name| Trial::test(name, || Ok(()))).collect();
    Some(libtest_mimic::run(arguments, trials).exit_code())
}

/// Whether a test is to run, by the rules of `libtest_mimic`.
fn is_chosen(arguments: &Arguments, name: &str) -> bool {
    let matches = |pattern: &String| if arguments.exact { name == pattern } else { name.contains(pattern) };
    arguments.filter.as_ref().is_none_or(matches) && !arguments.skip.iter().any(matches)
}
