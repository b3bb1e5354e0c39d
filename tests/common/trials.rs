//! Tests by name, each with what all of them share.

/// Makes a `Trial` of each function; all get a clone of the shared value.
macro_rules! trials {
    ($runtime:ident, $shared:ident, $($module:ident :: $test:ident),* $(,)?) => {
        vec![$({
            let (handle, shared) = ($runtime.handle().clone(), std::sync::Arc::clone(&$shared));
            libtest_mimic::Trial::test(concat!(stringify!($module), "::", stringify!($test)), move || {
                handle.block_on($module::$test(shared));
                Ok(())
            })
        }),*]
    };
}
pub(crate) use trials;
