#![no_main]
libfuzzer_sys::fuzz_target!(|input: &[u8]| tp_fuzz_programs::run("rate_limiter", input));
