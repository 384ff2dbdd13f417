//! `/docs`: Swagger UI on the document of the API. Its files are the published ones, compressed by Brotli; where they come
//! from stands beside them, and `tests/swagger_ui.mjs` renews them.

use base64::{Engine as _, engine::general_purpose::STANDARD};
use brotli_decompressor::Decompressor;
use sha2::{Digest as _, Sha256};

use crate::server::Reply;

const FRAME: &str = include_str!("assets/docs.html");
const SCRIPT: &str = include_str!("assets/docs.js");

/// How much of a file is unpacked at a time, in bytes.
const BUFFER_BYTES: usize = 16 << 10;

/// A file of Swagger UI.
struct Vendored {
    name: &'static str,
    media_type: &'static str,
    packed: &'static [u8],
    bytes: u64,
}

static FILES: [Vendored; 2] = [
    Vendored {
        name: "swagger-ui.js",
        media_type: "text/javascript; charset=utf-8",
        packed: include_bytes!("assets/swagger-ui/swagger-ui-bundle.js.br"),
        bytes: 1_732_839,
    },
    Vendored {
        name: "swagger-ui.css",
        media_type: "text/css; charset=utf-8",
        packed: include_bytes!("assets/swagger-ui/swagger-ui.css.br"),
        bytes: 187_956,
    },
];

/// The page. Only this server's files run in it, and it talks to nobody else.
pub(crate) fn page() -> Reply {
    let html = FRAME.replacen("<script></script>", &format!("<script>{SCRIPT}</script>"), 1);
    let hash = STANDARD.encode(Sha256::digest(SCRIPT));
    let policy = format!(
        "default-src 'none'; script-src 'self' 'sha256-{hash}'; style-src 'self'; img-src 'self' data:; \
         connect-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'"
    );
    Reply::bytes(200, "text/html; charset=utf-8", html.into_bytes())
        .with_header("Content-Security-Policy", policy)
        .with_header("Cache-Control", "no-cache")
        .with_header("Cross-Origin-Opener-Policy", "same-origin")
        .with_header("Referrer-Policy", "no-referrer")
}

/// A file that the page is made of, as it lies here for whoever takes it so.
pub(crate) fn file(name: &str, accepted: Option<&str>) -> Option<Reply> {
    let Vendored { media_type, packed, bytes, .. } = FILES.iter().find(|file| file.name == name)?;
    let takes_brotli = accepted
        .is_some_and(|accepted| accepted.split(',').any(|coding| coding.trim().eq_ignore_ascii_case("br")));
    let reply = match takes_brotli {
        true => Reply::bytes(200, *media_type, *packed).with_header("Content-Encoding", "br"),
        false => Reply::sized(200, *media_type, *bytes, Decompressor::new(*packed, BUFFER_BYTES)),
    };
    Some(reply.with_header("Vary", "Accept-Encoding").with_header("Cache-Control", "max-age=3600"))
}

#[cfg(test)]
mod tests {
    use std::io::Read as _;

    use super::*;

    /// What the files beside the packed ones say they are.
    const SOURCE: &str = include_str!("assets/swagger-ui/SOURCE.txt");

    #[test]
    fn the_files_are_those_that_were_published() {
        for Vendored { packed, bytes, name, .. } in &FILES {
            let mut whole = Vec::new();
            Decompressor::new(*packed, BUFFER_BYTES).read_to_end(&mut whole).unwrap();
            assert_eq!(whole.len() as u64, *bytes, "{name}");
            let digest: String = Sha256::digest(&whole).iter().map(|byte| format!("{byte:02x}")).collect();
            assert!(SOURCE.contains(&digest), "SOURCE.txt has not the hash of {name}, {digest}");
        }
    }
}
