//! Flags, environment, `.env` and `kafka.toml`.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::configuration(bytes));
