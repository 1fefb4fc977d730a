//! OpenSSL on a clock that a scenario sets: authorities of a world sign for the time that its nodes go by.

use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use crate::wait::now_s;

/// By how much the clock is ahead that OpenSSL reads.
#[derive(Clone, Debug)]
pub struct Ahead {
    library: Arc<PathBuf>,
    seconds: Arc<AtomicU64>,
}

// === impl Ahead ===

impl Ahead {
    /// Builds the library that stands before the system's clock, in a folder.
    pub fn new(folder: &Path) -> Self {
        let library = folder.join("ahead.so");
        let source = concat!(env!("CARGO_MANIFEST_DIR"), "/scenarios/ahead.c");
        let mut compiler = Command::new("cc");
        compiler.args(["-shared", "-fPIC", "-o"]).arg(&library);
        let built = compiler.args([source, "-ldl"]).output().unwrap();
        let said = String::from_utf8_lossy(&built.stderr);
        assert!(built.status.success(), "{said}");
        Self {
            library: Arc::new(library),
            seconds: Arc::default(),
        }
    }

    /// It is this time now, Unix seconds; from here on time passes.
    pub fn set(&self, unix_s: u64) {
        let ahead_s = unix_s.saturating_sub(now_s());
        self.seconds.store(ahead_s, Ordering::Relaxed);
    }

    /// OpenSSL on this clock, or on the system's.
    pub fn openssl(ahead: Option<&Self>) -> Command {
        let mut openssl = Command::new("openssl");
        if let Some(ahead) = ahead {
            let seconds = ahead.seconds.load(Ordering::Relaxed);
            openssl.env("LD_PRELOAD", &*ahead.library);
            openssl.env("CLOCK_AHEAD", seconds.to_string());
        }
        openssl
    }
}
