//! Tasks that fell over. A runtime catches what a task panics with and goes on without the task, so
//! nobody would notice but those who wait for it for ever.

use std::panic;
use std::sync::{Arc, Mutex};

/// What has panicked since this process watches.
pub struct Panics(Arc<Mutex<Vec<String>>>);

impl Panics {
    /// Watches from now on, besides whoever watched before.
    pub fn watch() -> Self {
        let seen = Arc::new(Mutex::new(Vec::new()));
        let (before, noted) = (panic::take_hook(), Arc::clone(&seen));
        panic::set_hook(Box::new(move |panic| {
            noted.lock().unwrap().push(panic.to_string());
            before(panic);
        }));
        Self(seen)
    }

    /// What has panicked since this was asked last.
    pub fn take(&self) -> Vec<String> {
        std::mem::take(&mut *self.0.lock().unwrap())
    }
}
