//! This machine carries one conference at a time: encoders, decoders and relays of two stories at
//! once would make each other late, and lateness is what the stories look at.

use tokio::sync::{Mutex, MutexGuard};

static MACHINE: Mutex<()> = Mutex::const_new(());

/// The machine, until dropped.
pub type Turn = MutexGuard<'static, ()>;

/// Waits for the machine.
pub async fn turn() -> Turn {
    MACHINE.lock().await
}
