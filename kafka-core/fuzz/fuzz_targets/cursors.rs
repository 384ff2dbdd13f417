//! Cursors of lists.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::cursors(bytes));
