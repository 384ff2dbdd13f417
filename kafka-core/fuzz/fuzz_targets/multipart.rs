//! The bytes of a form, behind a line with its media type.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::multipart(bytes));
