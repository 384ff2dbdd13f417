//! What is searched for, and texts that it is found in.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::searches(bytes));
