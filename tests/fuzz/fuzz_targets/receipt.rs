#![no_main]
libfuzzer_sys::fuzz_target!(|data: &[u8]| {
    bridge_tests::fuzz::run("receipt", data);
});
