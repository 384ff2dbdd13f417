//! The bytes of a WebSocket.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::frames(bytes));
