//! Base URLs, hosts, and blocks of addresses.
#![no_main]

libfuzzer_sys::fuzz_target!(|bytes: &[u8]| kafka_http::testing::hosts(bytes));
