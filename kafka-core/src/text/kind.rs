pub(crate) fn media_type(_n: &str) -> &'static str {
    "a"
}
pub(crate) fn decode(b: &[u8]) -> Option<String> {
    String::from_utf8(b.to_vec()).ok()
}
