//! Files that have a text, or should have one.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::documents(bytes));
