//! Counts what is being worked on at once, also when calls are dropped.

use std::collections::BTreeMap;
use std::sync::Mutex;

/// The calls that are being worked on, by a name that they have in common.
#[derive(Default)]
pub(super) struct Running(Mutex<BTreeMap<String, u32>>);

/// One call among them; leaves when it is dropped.
pub(super) struct Entered<'a> {
    running: &'a Running,
    name: String,
    /// How many were there before it.
    pub(super) others: u32,
}

impl Running {
    pub(super) fn enter(&self, name: &str) -> Entered<'_> {
        let mut running = self.0.lock().unwrap();
        let count = running.entry(name.to_owned()).or_default();
        *count += 1;
        Entered {
            running: self,
            name: name.to_owned(),
            others: *count - 1,
        }
    }
}

impl Drop for Entered<'_> {
    fn drop(&mut self) {
        if let Some(count) = self.running.0.lock().unwrap().get_mut(&self.name) {
            *count -= 1;
        }
    }
}
