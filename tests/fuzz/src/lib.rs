//! Runs a target of [`relay::fuzzing`] by its name.

/// Panics when the bytes did harm, or when there is no such target.
pub fn run(name: &str, bytes: &[u8]) {
    let mut targets = relay::fuzzing::TARGETS.into_iter();
    let (_, run) = targets
        .find(|(target, _)| *target == name)
        .expect("a target of this name");
    run(bytes);
}
