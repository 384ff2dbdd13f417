//! The bytes of an HTTP connection: heads and bodies.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::requests(bytes));
