//! Patches, and the differences of texts.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::patches(bytes));
