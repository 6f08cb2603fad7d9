#![no_main]

libfuzzer_sys::fuzz_target!(|data: &[u8]| paseto_actix_fuzz::csrf_form::target(data));
