//! The stream of a model endpoint.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::sse(bytes));
