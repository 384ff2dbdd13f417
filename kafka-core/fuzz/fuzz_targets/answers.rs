//! The JSON that a model answers with.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::answers(bytes));
