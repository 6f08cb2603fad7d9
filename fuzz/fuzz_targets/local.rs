#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paseto_actix_fuzz::local::target(data));
