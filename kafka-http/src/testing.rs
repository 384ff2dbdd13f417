//! What the fuzz targets feed with bytes. Feature `testing`; outside the guarantees of semantic
//! versioning. Each function takes any bytes at all and panics only when a promise of the parser behind
//! it is broken.

use kafka_core::testing::fuzz;
pub use kafka_core::testing::fuzz::{answers, based, cursors, documents, patches, searches, sse};

use crate::{cidr::Cidr, guard::Guard};
pub use crate::{
    config::fuzz::configuration, form::fuzz::multipart, server::fuzz::requests, ws::fuzz::frames,
};

/// What a fuzz target does with its bytes.
pub type Target = fn(&[u8]);

/// Every target by its name, which is that of its corpus.
pub const TARGETS: [(&str, Target); 12] = [
    ("answers", answers),
    ("based", based),
    ("configuration", configuration),
    ("cursors", cursors),
    ("documents", documents),
    ("frames", frames),
    ("hosts", hosts),
    ("multipart", multipart),
    ("patches", patches),
    ("requests", requests),
    ("searches", searches),
    ("sse", sse),
];

/// Hosts, URLs and blocks of addresses. What is understood means the same when it is written out again,
/// and a host that open mode takes for this machine is this machine to whoever calls a URL of it, too.
pub fn hosts(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    fuzz::base_url(&text);
    if let Ok(block) = text.parse::<Cidr>() {
        assert_eq!(block.to_string().parse(), Ok(block), "{text:?}");
    }
    let is_served = Guard::of_this_machine().check_host(&text).is_ok();
    if let Some(host) = fuzz::host_of(&format!("http://{text}")).filter(|_| is_served) {
        let address = host.parse::<std::net::IpAddr>().map(|address| address.to_canonical());
        assert!(
            host == "localhost" || address.is_ok_and(|address| address.is_loopback()),
            "{text:?} {host:?}"
        );
    }
}
